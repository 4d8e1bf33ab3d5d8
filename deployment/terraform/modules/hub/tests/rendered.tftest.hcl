# What is rendered. That servers and agents take it, scripts/test-terraform.sh shows.

variables {
  name        = "plant7"
  address     = "hub.example.net"
  board_cidrs = ["10.20.0.0/16", "fd00:20::/48"]
  boards = {
    "pi-01" = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
    "pi-02" = "6b3a55e0261b0304143f805a24924d0c1c44524821305f31d9277843b8a10f4e"
  }
  load = { samples_per_second = 20, flush_seconds = 2.5 }
  ttp  = { url = "https://example.net/ttp", sha256 = "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92" }
}

run "valkey_on_debian_13" {
  command = plan
  assert {
    condition     = startswith(output.cloud_init, "#cloud-config\n") && yamldecode(output.cloud_init).hostname == "plant7-hub"
    error_message = "no cloud-config"
  }
  assert {
    condition     = toset(keys(output.files)) == toset([for f in yamldecode(output.cloud_init).write_files : f.path])
    error_message = "files of the document and of the output differ"
  }
  assert {
    condition = { for f in yamldecode(output.cloud_init).write_files : f.path => f.permissions if f.permissions != "0644" } == {
      "/etc/telhub-hub/boards.acl" = "0600", "/usr/local/sbin/telhub-hub-setup" = "0755"
    }
    error_message = "a file with digests of passwords is for root only, a program can be run, all else can be read"
  }
  assert {
    condition = trimspace(output.boards_acl) == join("\n", [
      "user pi-01 on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 resetchannels ~telhub:* -@all +eval +evalsha +hget +hset +xadd +xrevrange +info +command|info +wait +waitaof",
      "user pi-02 on #6b3a55e0261b0304143f805a24924d0c1c44524821305f31d9277843b8a10f4e resetchannels ~telhub:* -@all +eval +evalsha +hget +hset +xadd +xrevrange +info +command|info +wait +waitaof",
    ])
    error_message = output.boards_acl
  }
  assert {
    condition = alltrue([for line in ["port 0", "tls-port 6379", "maxmemory-policy noeviction", "appendonly yes", "aclfile /etc/telhub-hub/users.acl"] :
    contains(split("\n", output.files["/etc/telhub-hub/server.conf"]), line)])
    error_message = output.files["/etc/telhub-hub/server.conf"]
  }
  assert {
    condition     = contains(split("\n", output.files["/etc/systemd/system/valkey-server.service.d/hub.conf"]), "IPAddressAllow=localhost 10.20.0.0/16 fd00:20::/48")
    error_message = "the networks are not in the unit"
  }
  assert {
    condition     = alltrue([for line in ["device = \"pi-02\"", "url = \"rediss://hub.example.net:6379/0\"", "user = \"pi-02\"", "maxlen = 0", "flush = \"2500ms\""] : contains(split("\n", output.telhub_toml["pi-02"]), line)])
    error_message = output.telhub_toml["pi-02"]
  }
  assert {
    condition     = strcontains(output.files["/usr/local/sbin/telhub-hub-setup"], "DNS:hub.example.net,DNS:localhost,IP:127.0.0.1")
    error_message = "the certificate has other names"
  }
  assert {
    condition     = output.names == { host = "plant7-hub", firewall = "plant7-boards", disk = "plant7-hub-data", volume_label = "telhub" }
    error_message = jsonencode(output.names)
  }
}

run "redis_on_debian_12" {
  command = plan
  variables {
    engine  = "redis"
    release = "bookworm"
  }
  # A server before 7.2 refuses a rule that names waitaof, and does not start.
  assert {
    condition     = !strcontains(output.boards_acl, "waitaof") && contains(output.packages, "redis-server") && length(output.warnings) == 1
    error_message = output.boards_acl
  }
}

run "an_address_is_a_name_of_its_own_kind" {
  command = plan
  variables {
    address = "10.20.0.1"
  }
  assert {
    condition     = strcontains(output.files["/usr/local/sbin/telhub-hub-setup"], "IP:10.20.0.1,DNS:localhost")
    error_message = "an address has to stand in the certificate as IP"
  }
}

run "rules_and_boards_of_prometheus" {
  command = plan
  variables {
    prometheus = { retention_days = 7, boards = ["pi-01.example.net:9155"], rules = { "telhub.yml" = "groups: []\n" } }
  }
  assert {
    condition     = contains(yamldecode(output.files["/etc/telhub-hub/prometheus.yml"]).scrape_configs[*].job_name, "telhub") && output.files["/etc/telhub-hub/rules/telhub.yml"] == "groups: []\n"
    error_message = output.files["/etc/telhub-hub/prometheus.yml"]
  }
}

run "too_long_for_user_data" {
  command = plan
  variables {
    user_data_limit = 4096
  }
  expect_failures = [output.cloud_init_base64gzip]
}
