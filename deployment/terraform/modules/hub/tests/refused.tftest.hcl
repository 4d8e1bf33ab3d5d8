# Each value that makes no sense is refused, by its own variable.

variables {
  name        = "plant7"
  address     = "hub.example.net"
  board_cidrs = ["10.20.0.0/16"]
  boards      = { "pi-01" = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
  load        = { samples_per_second = 20 }
  ttp         = { url = "https://example.net/ttp", sha256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
}

run "name_of_capitals" {
  command = plan
  variables {
    name = "Plant7"
  }
  expect_failures = [var.name]
}

run "name_that_ends_in_a_dash" {
  command = plan
  variables {
    name = "plant-"
  }
  expect_failures = [var.name]
}

run "name_too_long" {
  command = plan
  variables {
    name = "plant7-and-all-the-others-too"
  }
  expect_failures = [var.name]
}

run "address_is_a_url" {
  command = plan
  variables {
    address = "rediss://hub.example.net"
  }
  expect_failures = [var.address]
}

run "address_with_port" {
  command = plan
  variables {
    address = "hub.example.net:6379"
  }
  expect_failures = [var.address]
}

run "address_with_quote" {
  command = plan
  variables {
    address = "hub'; rm -rf /"
  }
  expect_failures = [var.address]
}

run "release_unknown" {
  command = plan
  variables {
    release = "sid"
  }
  expect_failures = [var.release]
}

run "engine_unknown" {
  command = plan
  variables {
    engine = "keydb"
  }
  expect_failures = [var.engine]
}

run "no_boards" {
  command = plan
  variables {
    boards = {}
  }
  expect_failures = [var.boards]
}

run "board_with_a_space" {
  command = plan
  variables {
    boards = { "pi 01" = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
  }
  expect_failures = [var.boards]
}

run "board_of_a_reserved_name" {
  command = plan
  variables {
    boards = { "admin" = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
  }
  expect_failures = [var.boards]
}

run "a_password_for_a_digest" {
  command = plan
  variables {
    boards = { "pi-01" = "secret" }
  }
  expect_failures = [var.boards]
}

run "digest_in_capitals" {
  command = plan
  variables {
    boards = { "pi-01" = "5E884898DA28047151D0E56F8DC6292773603D0D6AABBDD62A11EF721D1542D8" }
  }
  expect_failures = [var.boards]
}

run "digest_of_nothing" {
  command = plan
  variables {
    boards = { "pi-01" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }
  expect_failures = [var.boards]
}

run "no_networks" {
  command = plan
  variables {
    board_cidrs = []
  }
  expect_failures = [var.board_cidrs]
}

run "not_a_network" {
  command = plan
  variables {
    board_cidrs = ["10.20.0.0"]
  }
  expect_failures = [var.board_cidrs]
}

run "everybody" {
  command = plan
  variables {
    board_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.board_cidrs]
}

run "everybody_with_another_nought" {
  command = plan
  variables {
    board_cidrs = ["0.0.0.0/00"]
  }
  expect_failures = [var.board_cidrs]
}

run "everybody_of_ipv6" {
  command = plan
  variables {
    board_cidrs = ["::/0"]
  }
  expect_failures = [var.board_cidrs]
}

run "stream_with_braces" {
  command = plan
  variables {
    stream = "a{0}"
  }
  expect_failures = [var.stream]
}

run "stream_of_the_queue" {
  command = plan
  variables {
    stream = "ttp"
  }
  expect_failures = [var.stream]
}

run "half_a_shard" {
  command = plan
  variables {
    shards = 1.5
  }
  expect_failures = [var.shards]
}

run "no_shard" {
  command = plan
  variables {
    shards = 0
  }
  expect_failures = [var.shards]
}

run "ttp_without_tls" {
  command = plan
  variables {
    ttp = { url = "http://example.net/ttp", sha256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
  }
  expect_failures = [var.ttp]
}

run "ttp_with_a_quote" {
  command = plan
  variables {
    ttp = { url = "https://example.net/'x", sha256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
  }
  expect_failures = [var.ttp]
}

run "ttp_without_digest" {
  command = plan
  variables {
    ttp = { url = "https://example.net/ttp", sha256 = "" }
  }
  expect_failures = [var.ttp]
}

run "prometheus_keeps_nothing" {
  command = plan
  variables {
    prometheus = { retention_days = 0 }
  }
  expect_failures = [var.prometheus]
}

run "target_is_a_url" {
  command = plan
  variables {
    prometheus = { boards = ["http://pi-01:9155/metrics"] }
  }
  expect_failures = [var.prometheus]
}

run "rule_that_climbs" {
  command = plan
  variables {
    prometheus = { rules = { "../x.yml" = "" } }
  }
  expect_failures = [var.prometheus]
}

run "no_room" {
  command = plan
  variables {
    user_data_limit = 100
  }
  expect_failures = [var.user_data_limit]
}

run "fewer_boards_than_named" {
  command = plan
  variables {
    load = { samples_per_second = 1, board_count = 0 }
  }
  expect_failures = [var.load]
}

run "half_a_board" {
  command = plan
  variables {
    load = { samples_per_second = 1, board_count = 1.5 }
  }
  expect_failures = [var.load]
}

run "no_samples" {
  command = plan
  variables {
    load = { samples_per_second = 0 }
  }
  expect_failures = [var.load]
}

run "no_channel" {
  command = plan
  variables {
    load = { samples_per_second = 1, channels = 0 }
  }
  expect_failures = [var.load]
}

run "encoding_unknown" {
  command = plan
  variables {
    load = { samples_per_second = 1, encoding = "json" }
  }
  expect_failures = [var.load]
}

run "frame_too_large" {
  command = plan
  variables {
    load = { samples_per_second = 1, frame_samples = 5000 }
  }
  expect_failures = [var.load]
}

run "flush_too_short" {
  command = plan
  variables {
    load = { samples_per_second = 1, flush_seconds = 0 }
  }
  expect_failures = [var.load]
}

run "no_bytes" {
  command = plan
  variables {
    load = { samples_per_second = 1, bytes_per_sample = 0 }
  }
  expect_failures = [var.load]
}

run "hold_too_short" {
  command = plan
  variables {
    load = { samples_per_second = 1, hold_hours = 0.5 }
  }
  expect_failures = [var.load]
}

run "keep_nothing" {
  command = plan
  variables {
    load = { samples_per_second = 1, retention_days = 0 }
  }
  expect_failures = [var.load]
}

run "headroom_in_per_cent" {
  command = plan
  variables {
    load = { samples_per_second = 1, headroom = 130 }
  }
  expect_failures = [var.load]
}

run "valkey_is_not_in_debian_12" {
  command = plan
  variables {
    release = "bookworm"
  }
  expect_failures = [var.engine]
}
