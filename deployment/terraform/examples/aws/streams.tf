resource "aws_security_group" "boards" {
  name_prefix = "${var.name}-boards-"
  description = "Boards and ttp to the streams"
  vpc_id      = var.vpc_id

  ingress {
    description = "boards, TLS"
    from_port   = 6379
    to_port     = 6379
    protocol    = "tcp"
    cidr_blocks = var.board_cidrs
  }
  ingress {
    description     = "ttp, TLS"
    from_port       = 6379
    to_port         = 6379
    protocol        = "tcp"
    security_groups = [aws_security_group.ttp.id]
  }
}

resource "aws_memorydb_subnet_group" "streams" {
  name       = "${var.name}-streams"
  subnet_ids = var.subnet_ids
}

resource "aws_memorydb_user" "board" {
  for_each      = nonsensitive(toset(keys(var.board_passwords)))
  user_name     = each.key
  access_string = "on ${module.hub.board_rights} +cluster|slots +asking"
  authentication_mode {
    type      = "password"
    passwords = [var.board_passwords[each.key]]
  }
}

resource "aws_memorydb_user" "ttp" {
  user_name     = "ttp"
  access_string = "on ${module.hub.ttp_rights} +cluster|slots +asking"
  authentication_mode {
    type      = "password"
    passwords = [var.ttp_password]
  }
}

resource "aws_memorydb_acl" "streams" {
  name       = "${var.name}-streams"
  user_names = concat([aws_memorydb_user.ttp.user_name], [for user in aws_memorydb_user.board : user.user_name])
}

# MemoryDB writes each command to a log of several zones before it answers.
# It has no append-only file to ask, so WAITAOF is refused: the boards' durability is
# "memory", which here means that log.
resource "aws_memorydb_cluster" "streams" {
  name                     = "${var.name}-streams"
  engine                   = "valkey"
  node_type                = local.node_type
  num_shards               = local.masters
  num_replicas_per_shard   = 1
  acl_name                 = aws_memorydb_acl.streams.name
  subnet_group_name        = aws_memorydb_subnet_group.streams.name
  security_group_ids       = [aws_security_group.boards.id]
  tls_enabled              = true
  snapshot_retention_limit = 1
}

output "telhub_toml" {
  description = "By board. The URL names the cluster, and the certificate is of a public authority."
  value = { for board, text in module.hub.telhub_toml : board => replace(replace(replace(text,
    "rediss://", "rediss+cluster://"),
    "ca_file = \"/etc/telhub/hub-ca.crt\"\n", ""),
  "durability = \"auto\"", "durability = \"memory\"") }
}

output "sizing" {
  value = module.hub.sizing
}

output "warnings" {
  value = module.hub.warnings
}
