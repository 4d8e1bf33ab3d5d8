# What the fleet sends. docs/terraform_deployment.md says where the figures of
# sizing.tf come from.

variable "load" {
  description = <<-END
    board_count         boards to plan for; default: as many as `boards` names
    samples_per_second  of one board: one value with its stamp is a sample
    channels            of one board: a compact frame carries the names of those in it
    encoding            uplink.encoding of the boards: compact or senml
    frame_samples       uplink.frame of the boards
    flush_seconds       uplink.flush of the boards
    bytes_per_sample    in a frame, without names; default 2.5 for compact, 75 for senml, which carries names with each
    hold_hours          how long the streams must take everything while PostgreSQL is away
    retention_days      how long PostgreSQL keeps samples
    headroom            factor on all that is computed
  END
  type = object({
    board_count        = optional(number)
    samples_per_second = number
    channels           = optional(number, 10)
    encoding           = optional(string, "compact")
    frame_samples      = optional(number, 256)
    flush_seconds      = optional(number, 1)
    bytes_per_sample   = optional(number)
    hold_hours         = optional(number, 24)
    retention_days     = optional(number, 365)
    headroom           = optional(number, 1.3)
  })
  validation {
    condition     = try(var.load.board_count == null, true) || try(var.load.board_count == floor(var.load.board_count) && var.load.board_count >= 1 && var.load.board_count <= 1000000, false)
    error_message = "load.board_count = ${coalesce(var.load.board_count, 0)}: a whole number from 1 to 1000000."
  }
  validation {
    condition     = coalesce(var.load.board_count, length(var.boards)) >= length(var.boards)
    error_message = "load.board_count = ${coalesce(var.load.board_count, 0)}, but boards names ${length(var.boards)}: plan for at least those."
  }
  validation {
    condition     = var.load.samples_per_second > 0 && var.load.samples_per_second <= 100000
    error_message = "load.samples_per_second = ${var.load.samples_per_second}: samples a second of one board, more than 0 and at most 100000."
  }
  validation {
    condition     = var.load.channels == floor(var.load.channels) && var.load.channels >= 1 && var.load.channels <= 4096
    error_message = "load.channels = ${var.load.channels}: a whole number from 1 to 4096."
  }
  validation {
    condition     = contains(["compact", "senml"], var.load.encoding)
    error_message = "load.encoding = \"${var.load.encoding}\": one of compact, senml."
  }
  validation {
    condition     = var.load.frame_samples == floor(var.load.frame_samples) && var.load.frame_samples >= 1 && var.load.frame_samples <= 4096
    error_message = "load.frame_samples = ${var.load.frame_samples}: a whole number from 1 to 4096, as uplink.frame of the boards."
  }
  validation {
    condition     = var.load.flush_seconds >= 0.01 && var.load.flush_seconds <= 3600
    error_message = "load.flush_seconds = ${var.load.flush_seconds}: from 0.01 to 3600, as uplink.flush of the boards."
  }
  validation {
    condition     = try(var.load.bytes_per_sample == null, true) || try(var.load.bytes_per_sample > 0 && var.load.bytes_per_sample <= 1000, false)
    error_message = "load.bytes_per_sample = ${coalesce(var.load.bytes_per_sample, 0)}: more than 0 and at most 1000."
  }
  validation {
    condition     = var.load.hold_hours >= 1 && var.load.hold_hours <= 720
    error_message = "load.hold_hours = ${var.load.hold_hours}: from 1 to 720. Less than an hour is less than a restart of the database may take."
  }
  validation {
    condition     = var.load.retention_days >= 1 && var.load.retention_days <= 36500
    error_message = "load.retention_days = ${var.load.retention_days}: from 1 to 36500."
  }
  validation {
    condition     = var.load.headroom >= 1 && var.load.headroom <= 10
    error_message = "load.headroom = ${var.load.headroom}: from 1 to 10; a factor, not per cent."
  }
}
