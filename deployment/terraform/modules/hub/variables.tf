variable "name" {
  description = "Name of this installation: the first part of all names that are made of it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name = \"${var.name}\": 2 to 24 of a-z, 0-9 and \"-\", beginning with a letter and not ending with \"-\"; it becomes part of host names."
  }
}

variable "address" {
  description = "DNS name or IPv4 address by which boards reach the hub. It stands in the server's certificate."
  type        = string
  validation {
    condition     = length(var.address) <= 253 && can(regex("^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$", var.address))
    error_message = "address = \"${var.address}\": give a DNS name or an IPv4 address, without scheme and port."
  }
}

variable "release" {
  description = "Debian release of the hub: \"trixie\" (13) or \"bookworm\" (12)."
  type        = string
  default     = "trixie"
  validation {
    condition     = contains(["trixie", "bookworm"], var.release)
    error_message = "release = \"${var.release}\": one of trixie, bookworm."
  }
}

variable "engine" {
  description = "Server of the streams: \"valkey\" or \"redis\", as Debian packages it."
  type        = string
  default     = "valkey"
  validation {
    condition     = contains(["valkey", "redis"], var.engine)
    error_message = "engine = \"${var.engine}\": one of valkey, redis."
  }
  validation {
    condition     = !(var.engine == "valkey" && var.release == "bookworm")
    error_message = "engine = \"valkey\" with release = \"bookworm\": Debian 12 has Valkey in its backports only; take release = \"trixie\", or engine = \"redis\" (7.0, where durability is a replica's or a delay, not the append-only file's: it has no WAITAOF)."
  }
}

variable "boards" {
  description = <<-END
    Boards that may connect: name of the board (its `device` and its ACL user) = SHA-256 of its password, in hex.
    Make a password with `openssl rand -hex 32`, its digest with `printf %s PASSWORD | sha256sum`. Passwords themselves
    are in no variable, state or user data.
  END
  type        = map(string)
  validation {
    condition     = length(var.boards) > 0
    error_message = "boards is empty: name at least one board, boards = { \"pi-01\" = \"SHA-256 of its password\" }."
  }
  validation {
    condition     = alltrue([for name, _ in var.boards : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", name))])
    error_message = "boards: ${join(", ", [for name, _ in var.boards : "\"${name}\"" if !can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", name))])}: a board's name is 1 to 63 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\", and begins with a letter or digit."
  }
  validation {
    condition     = length(setintersection(keys(var.boards), ["default", "admin", "ttp"])) == 0
    error_message = "boards: \"default\", \"admin\" and \"ttp\" are users of the hub itself; name the board otherwise."
  }
  validation {
    condition     = alltrue([for digest in values(var.boards) : can(regex("^[0-9a-f]{64}$", digest))])
    error_message = "boards: ${join(", ", [for name, digest in var.boards : "\"${name}\"" if !can(regex("^[0-9a-f]{64}$", digest))])}: not a SHA-256 of 64 lower-case hex digits. Give the digest, never the password: printf %s PASSWORD | sha256sum."
  }
  validation {
    condition     = !contains(values(var.boards), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    error_message = "boards: ${join(", ", [for name, digest in var.boards : "\"${name}\"" if digest == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"])}: that is the SHA-256 of an empty password."
  }
}

variable "board_cidrs" {
  description = "Networks that boards come from. Everybody else is refused by the kernel before TLS begins."
  type        = list(string)
  validation {
    condition     = length(var.board_cidrs) > 0
    error_message = "board_cidrs is empty: no board could connect."
  }
  validation {
    condition     = alltrue([for cidr in var.board_cidrs : can(cidrnetmask(cidr)) || can(cidrsubnet(cidr, 0, 0))])
    error_message = "board_cidrs: ${join(", ", [for cidr in var.board_cidrs : "\"${cidr}\"" if !can(cidrsubnet(cidr, 0, 0))])}: not a network such as 10.20.0.0/16 or fd00:20::/48."
  }
  validation {
    condition     = !anytrue([for cidr in var.board_cidrs : can(regex("/0+$", cidr))])
    error_message = "board_cidrs: a network of /0 is everybody; name the networks of your boards."
  }
}

variable "stream" {
  description = "First part of the streams' names: redis.stream of the boards."
  type        = string
  default     = "telhub"
  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$", var.stream)) && var.stream != "ttp"
    error_message = "stream = \"${var.stream}\": 1 to 63 of letters, digits, \"_\", \".\" and \"-\"; not \"ttp\", which are the task queue's keys."
  }
}

variable "shards" {
  description = "redis.shards of the boards. One server needs one; it cannot be changed while streams hold data."
  type        = number
  default     = 1
  validation {
    condition     = var.shards == floor(var.shards) && var.shards >= 1 && var.shards <= 16384
    error_message = "shards = ${var.shards}: a whole number from 1 to 16384."
  }
}

variable "ttp" {
  description = "Where the hub gets ttp from (https, one file, for its machine), and the SHA-256 of that file."
  type        = object({ url = string, sha256 = string })
  validation {
    condition     = can(regex("^https://[^\\s'\"$`\\\\]+$", var.ttp.url))
    error_message = "ttp.url = \"${var.ttp.url}\": an https:// address without spaces, quotes, \"$\" and backslashes."
  }
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.ttp.sha256))
    error_message = "ttp.sha256 = \"${var.ttp.sha256}\": 64 lower-case hex digits, as sha256sum prints them."
  }
}

variable "prometheus" {
  description = "How long Prometheus keeps, targets of boards whose page is not on the loopback (host:port), and rule files by name."
  type = object({
    retention_days = optional(number, 30)
    boards         = optional(list(string), [])
    rules          = optional(map(string), {})
  })
  default = {}
  validation {
    condition     = var.prometheus.retention_days >= 1 && var.prometheus.retention_days <= 3650
    error_message = "prometheus.retention_days = ${var.prometheus.retention_days}: from 1 to 3650."
  }
  validation {
    condition     = alltrue([for t in var.prometheus.boards : can(regex("^[A-Za-z0-9.-]+:[0-9]{1,5}$", t))])
    error_message = "prometheus.boards: ${join(", ", [for t in var.prometheus.boards : "\"${t}\"" if !can(regex("^[A-Za-z0-9.-]+:[0-9]{1,5}$", t))])}: targets are host:port, such as pi-01.example.net:9155."
  }
  validation {
    condition     = alltrue([for n, _ in var.prometheus.rules : can(regex("^[a-z0-9][a-z0-9._-]*\\.ya?ml$", n))])
    error_message = "prometheus.rules: names of files such as telhub.yml."
  }
}

variable "user_data_limit" {
  description = "What the cloud takes as user data, in bytes; the packed form has to fit. 16384 at AWS, 32768 at Hetzner, 65535 at Azure and OpenStack."
  type        = number
  default     = 16384
  validation {
    condition     = var.user_data_limit >= 4096
    error_message = "user_data_limit = ${var.user_data_limit}: less than 4096 bytes would hold no hub."
  }
}

variable "package_update" {
  description = "Whether the first boot reads the package lists and installs updates. Off only for images that have the packages."
  type        = bool
  default     = true
}
