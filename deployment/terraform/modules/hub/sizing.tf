# From the fleet's load to memory and disks. Every constant here is explained,
# with where it was measured, in docs/terraform_deployment.md.

locals {
  mib = 1048576
  gib = 1073741824

  # Bytes beside the payload: what an entry's other fields and Redis' own
  # structures take in memory, and the call in the append-only file. A node of
  # a stream is an allocation with a third to spare.
  entry_memory   = 130
  payload_memory = 1.4
  entry_aof      = 420
  # A name in a compact frame's dictionary.
  name_bytes = 24
  # A row of PostgreSQL with its indexes, upper end of what was measured.
  row_bytes = 121
  # What one hub was measured to write on two busy cores, lower end; and calls
  # a second that one thread of Redis should not be planned beyond.
  rows_limit   = 39000
  frames_limit = 20000

  board_count = coalesce(var.load.board_count, length(var.boards))

  # A frame is sealed when it is full or old, and is not sent empty.
  board_frames_per_second = min(var.load.samples_per_second, max(var.load.samples_per_second / var.load.frame_samples, 1 / var.load.flush_seconds))
  samples_per_frame       = var.load.samples_per_second / local.board_frames_per_second
  bytes_per_sample        = coalesce(var.load.bytes_per_sample, var.load.encoding == "compact" ? 2.5 : 75)
  names_per_frame         = var.load.encoding == "compact" ? min(var.load.channels, ceil(local.samples_per_frame)) : 0
  payload_bytes           = local.samples_per_frame * local.bytes_per_sample + local.names_per_frame * local.name_bytes

  samples_per_second = local.board_count * var.load.samples_per_second
  frames_per_second  = local.board_count * local.board_frames_per_second

  # The streams hold what comes while PostgreSQL is away, and always the hour
  # that telemetry.trim leaves.
  held_frames  = ceil(local.frames_per_second * 3600 * (var.load.hold_hours + 1) * var.load.headroom)
  stream_bytes = local.held_frames * (local.entry_memory + local.payload_memory * local.payload_bytes)
  redis_mib    = max(128, ceil((local.stream_bytes + 64 * local.mib) / local.mib))
  aof_bytes    = local.held_frames * (local.entry_aof + local.payload_bytes)
  # The file doubles before it is written anew, and the new one lies beside it.
  redis_disk_gib    = max(2, ceil(3 * local.aof_bytes / local.gib))
  postgres_rows     = local.samples_per_second * 86400 * var.load.retention_days
  wal_mib           = min(16384, max(1024, ceil(local.samples_per_second * local.row_bytes * 600 / local.mib)))
  postgres_disk_gib = max(2, ceil((local.postgres_rows * local.row_bytes * var.load.headroom + 2 * local.wal_mib * local.mib) / local.gib))

  # ttp, the node and Prometheus have some 1,500 series, a board some 250; a
  # scrape every 15 s takes about 2 bytes a series on disk.
  prometheus_series   = 1500 + 250 * length(var.prometheus.boards)
  prometheus_disk_gib = max(1, ceil(local.prometheus_series * 2 * 86400 / 15 * var.prometheus.retention_days * var.load.headroom / local.gib))

  # PostgreSQL's own cache is a quarter of what Redis leaves at the least size.
  shared_buffers_mib = min(8192, max(256, 128 * ceil(local.samples_per_second * local.row_bytes * 600 / local.mib / 128)))
  # While the append-only file is written anew, pages that change are there
  # twice: half of Redis' memory to spare. 1.5 GiB for the system, ttp and Prometheus.
  needed_mib = ceil(1.5 * local.redis_mib) + 2 * local.shared_buffers_mib + 1536
  memory_gib = [for gib in [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : gib if gib * 1024 >= local.needed_mib]
  disk_gib   = 10 + local.redis_disk_gib + local.postgres_disk_gib + local.prometheus_disk_gib
  cpus       = local.samples_per_second > 10000 || local.frames_per_second > 5000 ? 4 : 2

  # A call's frame, its fields and the protocol around them, and its reply.
  network_bits_per_second = ceil(8 * local.frames_per_second * (local.payload_bytes + 500))

  warnings = compact([
    local.samples_per_second <= local.rows_limit ? "" :
    "${floor(local.samples_per_second)} samples/s are more than the ${local.rows_limit} rows/s that one hub was measured to write: put PostgreSQL and ttp on machines of their own, and measure.",
    local.frames_per_second <= local.frames_limit ? "" :
    "${floor(local.frames_per_second)} frames/s are more than one thread of Redis should be planned for: raise uplink.flush and uplink.frame, or take a cluster (examples/aws).",
    local.names_per_frame < local.samples_per_frame || local.samples_per_frame < 2 || var.load.encoding != "compact" ? "" :
    "a frame has ${floor(local.samples_per_frame)} samples of ${var.load.channels} channels: names are most of it. A longer uplink.flush saves memory and network.",
    var.release != "bookworm" ? "" :
    "Redis 7.0 of Debian 12 has no WAITAOF: without a replica the boards' durability is an age, not the disk's word.",
  ])
}
