output "cloud_init" {
  description = "User data of the hub, as text."
  value       = local.cloud_init
}

output "cloud_init_base64gzip" {
  description = "The same, packed and in base64: user_data_base64 at AWS. It holds no secret, but digests of passwords."
  value       = local.packed

  precondition {
    condition     = local.packed_bytes <= var.user_data_limit
    error_message = "The hub's user data has ${local.packed_bytes} bytes packed, user_data_limit is ${var.user_data_limit}: name fewer boards (or rules) here, and put the others' lines (output boards_acl) into /etc/telhub-hub/boards.acl by other means, then run telhub-hub-setup."
  }
}

output "user_data_bytes" {
  description = "Bytes of the packed user data."
  value       = local.packed_bytes
}

# Depends on neither address nor boards' digests, so that what has an address
# only after it was made can be sized by it.
output "sizing" {
  description = "What the machine needs, and what it was reckoned from."
  value = {
    cpus                    = local.cpus
    memory_gib              = local.memory_gib[0]
    disk_gib                = local.disk_gib
    redis_maxmemory_mib     = local.redis_mib
    redis_disk_gib          = local.redis_disk_gib
    postgres_disk_gib       = local.postgres_disk_gib
    postgres_wal_mib        = local.wal_mib
    postgres_buffers_mib    = local.shared_buffers_mib
    prometheus_disk_gib     = local.prometheus_disk_gib
    network_bits_per_second = local.network_bits_per_second
    boards                  = local.board_count
    samples_per_second      = local.samples_per_second
    frames_per_second       = local.frames_per_second
    samples_per_frame       = local.samples_per_frame
    payload_bytes           = local.payload_bytes
    frame_memory_bytes      = local.entry_memory + local.payload_memory * local.payload_bytes
    frame_aof_bytes         = local.entry_aof + local.payload_bytes
    held_frames             = local.held_frames
  }

  precondition {
    condition     = length(local.memory_gib) > 0
    error_message = "This load needs ${ceil(local.needed_mib / 1024)} GiB of memory, more than one hub can have: shorten load.hold_hours, lengthen load.flush_seconds, or take a cluster (examples/aws)."
  }
}

output "warnings" {
  description = "What the plan should be looked at again for."
  value       = local.warnings
}

output "telhub_toml" {
  description = "By board: the part of its /etc/telhub.toml that is about this hub."
  value = { for board, _ in var.boards : board => templatefile("${path.module}/templates/telhub.toml.tftpl", {
    board    = board, address = var.address, port = local.port, stream = var.stream, shards = var.shards
    encoding = var.load.encoding, frame_samples = var.load.frame_samples, flush = "${floor(var.load.flush_seconds * 1000)}ms"
  }) }
}

output "ttp_toml" {
  description = "ttp's configuration."
  value       = local.ttp_toml
}

output "boards_acl" {
  description = "Lines of the boards in the server's list of users."
  value       = local.boards_acl
}

output "files" {
  description = "All files of the hub, by path: for configuration management instead of cloud-init."
  value       = local.files
}

output "packages" {
  description = "Debian packages of the hub."
  value       = local.packages
}

output "port" {
  description = "Port that boards connect to, the only one to open (beside ssh)."
  value       = local.port
}

output "names" {
  description = "Names for what is made around the module."
  value       = { host = "${var.name}-hub", firewall = "${var.name}-boards", disk = "${var.name}-hub-data", volume_label = "telhub" }
}

output "tags" {
  description = "Tags for what is made around the module."
  value       = { project = "telhub", installation = var.name, role = "hub" }
}

output "board_rights" {
  description = "What a board's user may do, as rules of an access list, without name and password."
  value       = "resetchannels ~${var.stream}:* -@all ${local.rights}"
}

output "ttp_rights" {
  description = "The same for ttp's user."
  value       = local.ttp_rights
}
