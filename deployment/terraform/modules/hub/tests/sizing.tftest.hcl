# Figures that were worked out by hand, so that a slip in a formula shows.

variables {
  name        = "plant7"
  address     = "hub.example.net"
  board_cidrs = ["10.20.0.0/16"]
  boards      = { "pi-01" = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
  ttp         = { url = "https://example.net/ttp", sha256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" }
}

# 100 boards of 20 samples/s, a frame a second: 20 samples of 2.5 bytes and 10 names of 24 = 290 bytes.
run "a_hundred_boards" {
  command = plan
  variables {
    load = { board_count = 100, samples_per_second = 20, hold_hours = 24, retention_days = 365, headroom = 1 }
  }
  assert {
    condition     = output.sizing.frames_per_second == 100 && output.sizing.samples_per_frame == 20 && output.sizing.payload_bytes == 290
    error_message = "frames: ${output.sizing.frames_per_second}/s of ${output.sizing.samples_per_frame} samples, ${output.sizing.payload_bytes} bytes"
  }
  # 25 h at 100/s = 9,000,000 frames of 130 + 1.4 · 290 = 536 bytes = 4,824,000,000 bytes = 4600.5 MiB, and 64.
  assert {
    condition     = output.sizing.held_frames == 9000000 && output.sizing.redis_maxmemory_mib == 4665
    error_message = "${output.sizing.held_frames} frames in ${output.sizing.redis_maxmemory_mib} MiB"
  }
  # 3 · 9,000,000 · (420 + 290) bytes = 17.85 GiB.
  assert {
    condition     = output.sizing.redis_disk_gib == 18
    error_message = "append-only file: ${output.sizing.redis_disk_gib} GiB"
  }
  # 2,000 · 86,400 · 365 rows of 121 bytes = 7107.6 GiB, and twice 1 GiB of WAL.
  assert {
    condition     = output.sizing.postgres_disk_gib == 7110
    error_message = "PostgreSQL: ${output.sizing.postgres_disk_gib} GiB"
  }
  # 8 · 100 · (290 + 500)
  assert {
    condition     = output.sizing.network_bits_per_second == 632000
    error_message = "network: ${output.sizing.network_bits_per_second}"
  }
  assert {
    condition     = output.sizing.memory_gib == 16 && length(output.warnings) == 0
    error_message = "${output.sizing.memory_gib} GiB, warnings: ${join("; ", output.warnings)}"
  }
}

run "frames_that_are_full" {
  command = plan
  variables {
    load = { samples_per_second = 5000, frame_samples = 1000, flush_seconds = 10, bytes_per_sample = 0.5 }
  }
  assert {
    condition     = output.sizing.frames_per_second == 5 && output.sizing.payload_bytes == 740
    error_message = "${output.sizing.frames_per_second} frames/s of ${output.sizing.payload_bytes} bytes"
  }
}

run "a_sample_a_minute" {
  command = plan
  variables {
    load = { samples_per_second = 0.0166666666666667, flush_seconds = 1 }
  }
  # No frame is empty: one sample each.
  assert {
    condition     = abs(output.sizing.samples_per_frame - 1) < 0.000001
    error_message = "${output.sizing.samples_per_frame} samples in a frame"
  }
  assert {
    condition     = output.sizing.redis_maxmemory_mib == 128 && output.sizing.memory_gib == 4
    error_message = "least size: ${output.sizing.redis_maxmemory_mib} MiB, ${output.sizing.memory_gib} GiB"
  }
}

run "senml_is_larger" {
  command = plan
  variables {
    load = { samples_per_second = 20, encoding = "senml" }
  }
  assert {
    condition     = output.sizing.payload_bytes == 1500
    error_message = "${output.sizing.payload_bytes} bytes"
  }
}

run "more_than_a_hub_can_write" {
  command = plan
  variables {
    load = { board_count = 3000, samples_per_second = 20, hold_hours = 1, retention_days = 7, flush_seconds = 0.1 }
  }
  assert {
    condition     = length([for w in output.warnings : w if strcontains(w, "rows/s")]) == 1 && length([for w in output.warnings : w if strcontains(w, "one thread of Redis")]) == 1
    error_message = join("; ", output.warnings)
  }
}

run "more_memory_than_there_is" {
  command = plan
  variables {
    load = { board_count = 1000000, samples_per_second = 20, hold_hours = 720 }
  }
  expect_failures = [output.sizing]
}
