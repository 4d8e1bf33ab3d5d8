# NOT VALIDATED HERE: `terraform fmt` is all that was run on this example. Its
# provider comes from a registry that the machine it was written on does not
# reach; the CI of a forge runs `init` and `validate`, nobody has applied it.
#
# The same fleet with what AWS manages: MemoryDB (Valkey, a cluster with TLS
# and users), RDS for PostgreSQL, ttp on ECS Fargate. The hub's module gives
# sizes, rights and configurations. The passwords of MemoryDB's users stand in
# Terraform's state, because MemoryDB takes no digests: keep the state as a secret.
terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }
}

variable "name" {
  type    = string
  default = "plant7"
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets in two zones or more."
}

variable "board_cidrs" {
  type = list(string)
}

variable "board_passwords" {
  type      = map(string)
  sensitive = true
}

variable "ttp_password" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.ttp_password) >= 32
    error_message = "ttp_password: 32 characters or more; openssl rand -hex 32 makes one."
  }
}

variable "ttp_image" {
  type        = string
  default     = "ghcr.io/telhub/ttp:latest"
  description = "Give a digest, …/ttp@sha256:…, so that a restart runs what was tested."
}

variable "load" {
  type = object({
    board_count        = number
    samples_per_second = number
    flush_seconds      = optional(number, 5)
    hold_hours         = optional(number, 24)
    retention_days     = optional(number, 90)
  })
}

data "aws_region" "current" {}

locals {
  # Some times the masters, so that slots can move; never to be changed later.
  masters = 2
  shards  = 4 * local.masters
  node_memory_gib = {
    "db.r7g.large" = 13, "db.r7g.xlarge" = 26, "db.r7g.2xlarge" = 52, "db.r7g.4xlarge" = 105, "db.r7g.8xlarge" = 209
  }
  needed_gib = module.hub.sizing.redis_maxmemory_mib / 1024 / local.masters
  node_type  = [for type in ["db.r7g.large", "db.r7g.xlarge", "db.r7g.2xlarge", "db.r7g.4xlarge", "db.r7g.8xlarge"] : type if local.node_memory_gib[type] * 0.75 >= local.needed_gib][0]
}

module "hub" {
  source = "../../modules/hub"

  name        = var.name
  address     = aws_memorydb_cluster.streams.cluster_endpoint[0].address
  board_cidrs = var.board_cidrs
  boards      = nonsensitive({ for board, password in var.board_passwords : board => sha256(password) })
  shards      = local.shards
  # Not used here: ttp comes as an image.
  ttp  = { url = "https://example.invalid/ttp", sha256 = sha256("unused") }
  load = var.load
}
