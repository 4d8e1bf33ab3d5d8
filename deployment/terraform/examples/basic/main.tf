# The hub's module by itself: what it computes, to be looked at, or handed to
# whatever makes machines. `terraform apply` here makes nothing.
terraform {
  required_version = ">= 1.9"
}

variable "boards" {
  type        = map(string)
  description = "Boards and the SHA-256 of their passwords."
}

variable "ttp" {
  type        = object({ url = string, sha256 = string })
  description = "Where ttp is downloaded from."
}

module "hub" {
  source = "../../modules/hub"

  name        = "plant7"
  address     = "hub.plant7.example"
  board_cidrs = ["10.20.0.0/16"]
  boards      = var.boards
  ttp         = var.ttp

  load = {
    board_count        = 100
    samples_per_second = 20
    channels           = 12
    flush_seconds      = 5
    hold_hours         = 24
    retention_days     = 90
  }
}

output "hub" {
  value = module.hub
}
