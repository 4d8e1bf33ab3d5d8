resource "aws_security_group" "ttp" {
  name_prefix = "${var.name}-ttp-"
  description = "ttp: calls, is not called"
  vpc_id      = var.vpc_id

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "database" {
  name_prefix = "${var.name}-database-"
  description = "ttp to PostgreSQL"
  vpc_id      = var.vpc_id

  ingress {
    from_port       = 5432
    to_port         = 5432
    protocol        = "tcp"
    security_groups = [aws_security_group.ttp.id]
  }
}

resource "aws_db_subnet_group" "database" {
  name       = "${var.name}-database"
  subnet_ids = var.subnet_ids
}

resource "aws_db_instance" "database" {
  identifier                  = "${var.name}-database"
  engine                      = "postgres"
  engine_version              = "17"
  instance_class              = module.hub.sizing.samples_per_second > 5000 ? "db.m7g.xlarge" : "db.m7g.large"
  allocated_storage           = max(20, module.hub.sizing.postgres_disk_gib)
  storage_type                = "gp3"
  storage_encrypted           = true
  db_name                     = "telhub"
  username                    = "ttp"
  manage_master_user_password = true
  multi_az                    = true
  db_subnet_group_name        = aws_db_subnet_group.database.name
  vpc_security_group_ids      = [aws_security_group.database.id]
  backup_retention_period     = 7
  deletion_protection         = true
  copy_tags_to_snapshot       = true
  final_snapshot_identifier   = "${var.name}-database-last"
}

resource "aws_secretsmanager_secret" "redis" {
  name_prefix = "${var.name}-ttp-redis-"
}

resource "aws_secretsmanager_secret_version" "redis" {
  secret_id     = aws_secretsmanager_secret.redis.id
  secret_string = var.ttp_password
}

resource "aws_iam_role" "start" {
  name_prefix = "${var.name}-ttp-start-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "start" {
  role       = aws_iam_role.start.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  name_prefix = "secrets-"
  role        = aws_iam_role.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = [aws_secretsmanager_secret.redis.arn, aws_db_instance.database.master_user_secret[0].secret_arn]
    }]
  })
}

resource "aws_cloudwatch_log_group" "ttp" {
  name              = "/telhub/${var.name}/ttp"
  retention_in_days = 30
}

resource "aws_ecs_cluster" "ttp" {
  name = "${var.name}-ttp"
}

resource "aws_ecs_task_definition" "ttp" {
  family                   = "${var.name}-ttp"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 2048
  execution_role_arn       = aws_iam_role.start.arn

  container_definitions = jsonencode([{
    name                   = "ttp"
    image                  = var.ttp_image
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = 30
    environment = [
      { name = "TTP_REDIS_URL", value = "rediss+cluster://${aws_memorydb_cluster.streams.cluster_endpoint[0].address}:6379" },
      { name = "TTP_REDIS_USER", value = aws_memorydb_user.ttp.user_name },
      { name = "TTP_QUEUE_SHARDS", value = tostring(local.shards) },
      { name = "TTP_TELEMETRY_STREAM", value = "telhub" },
      { name = "TTP_TELEMETRY_SHARDS", value = tostring(local.shards) },
      { name = "TTP_TELEMETRY_TRIM", value = "1h" },
      { name = "TTP_TELEMETRY_KEEP", value = "${var.load.retention_days}d" },
      { name = "TTP_POSTGRES_URL", value = "postgres://ttp@${aws_db_instance.database.endpoint}/telhub?sslmode=require" },
    ]
    secrets = [
      { name = "TTP_REDIS_PASSWORD", valueFrom = aws_secretsmanager_secret.redis.arn },
      { name = "TTP_POSTGRES_PASSWORD", valueFrom = "${aws_db_instance.database.master_user_secret[0].secret_arn}:password::" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.ttp.name
        awslogs-region        = data.aws_region.current.name
        awslogs-stream-prefix = "ttp"
      }
    }
  }])
}

resource "aws_ecs_service" "ttp" {
  name            = "ttp"
  cluster         = aws_ecs_cluster.ttp.id
  task_definition = aws_ecs_task_definition.ttp.arn
  launch_type     = "FARGATE"
  desired_count   = 2

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [aws_security_group.ttp.id]
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}
