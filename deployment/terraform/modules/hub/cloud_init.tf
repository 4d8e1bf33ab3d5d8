# Files of the hub and the document that puts them there at the first boot.

locals {
  port = 6379

  # The least that an agent needs: uplink/redis/errors.go. +xrevrange finds the
  # device's own last frame; WAITAOF is known from version 7.2.
  rights = join(" ", compact([
    "+eval", "+evalsha", "+hget", "+hset", "+xadd", "+xrevrange", "+info", "+command|info", "+wait",
    var.release == "bookworm" ? "" : "+waitaof",
  ]))

  # FLUSHALL, KEYS and the like are @dangerous, as is INFO, which is needed.
  ttp_rights = "resetchannels ~ttp:* ~${var.stream}:* -@all +@read +@write +@stream +@scripting +@connection -@dangerous +info +time"

  address_is_ip = can(cidrnetmask("${var.address}/32"))
  # 63 bytes is what a common name may have; names are compared with the others.
  common_name = length(var.address) <= 63 ? var.address : var.name
  alt_names   = join(",", ["${local.address_is_ip ? "IP" : "DNS"}:${var.address}", "DNS:localhost", "IP:127.0.0.1"])

  server_conf = templatefile("${path.module}/templates/server.conf.tftpl", {
    engine = var.engine, port = local.port, redis_mib = local.redis_mib
    # A board has one connection, and two while it is restarted; the rest are ttp's and people's.
    maxclients = 1000 + 4 * local.board_count
  })
  boards_acl = templatefile("${path.module}/templates/boards.acl.tftpl", { boards = var.boards, stream = var.stream, rights = local.rights })
  ttp_toml = templatefile("${path.module}/templates/ttp.toml.tftpl", {
    port = local.port, stream = var.stream, shards = var.shards, retention_days = var.load.retention_days
  })
  postgresql_conf = templatefile("${path.module}/templates/postgresql.conf.tftpl", { shared_buffers_mib = local.shared_buffers_mib, wal_mib = local.wal_mib })
  setup = templatefile("${path.module}/templates/setup.sh.tftpl", {
    engine = var.engine, port = local.port, stream = var.stream, name = var.name, address = local.common_name
    names  = local.alt_names, ttp_rights = local.ttp_rights, ttp_url = var.ttp.url, ttp_sha256 = var.ttp.sha256
  })
  ttp_service = templatefile("${path.module}/templates/ttp.service.tftpl", { engine = var.engine })

  server_unit = <<-END
    # Boards' networks and this machine; enforced by the kernel, for this unit.
    [Unit]
    ConditionPathExists=/etc/telhub-hub/users.acl
    [Service]
    # A log that a power cut ended within a transaction would have frames twice at the start after the next.
    # Outside of the unit's sandbox, which lets nothing run but the server, and as its user all the same.
    ExecStartPre=-+/usr/sbin/runuser -u ${var.engine} -- /bin/sh -c 'log=/var/lib/${var.engine}/appendonlydir/appendonly.aof.manifest; [ ! -e $log ] || echo y | /usr/bin/${var.engine}-check-aof --fix $log >/dev/null'
    ExecStart=
    ExecStart=/usr/bin/${var.engine}-server /etc/telhub-hub/server.conf --supervised systemd --daemonize no
    LimitNOFILE=${2048 + 8 * local.board_count}
    IPAddressDeny=any
    IPAddressAllow=localhost ${join(" ", var.board_cidrs)}
  END

  prometheus_yml = yamlencode({
    global     = { scrape_interval = "15s", evaluation_interval = "15s", external_labels = { installation = var.name } }
    rule_files = ["/etc/telhub-hub/rules/*.yml", "/etc/telhub-hub/rules/*.yaml"]
    scrape_configs = concat(
      [
        { job_name = "prometheus", static_configs = [{ targets = ["127.0.0.1:9090"] }] },
        { job_name = "ttp", static_configs = [{ targets = ["127.0.0.1:9156"] }] },
        { job_name = "node", static_configs = [{ targets = ["127.0.0.1:9100"] }] },
      ],
      length(var.prometheus.boards) == 0 ? [] : [{ job_name = "telhub", static_configs = [{ targets = var.prometheus.boards }] }],
    )
  })
  prometheus_unit = <<-END
    # Its page is on the loopback: look at it through ssh -L 9090:127.0.0.1:9090.
    [Service]
    ExecStart=
    ExecStart=/usr/bin/prometheus --config.file=/etc/telhub-hub/prometheus.yml --storage.tsdb.path=/var/lib/prometheus/metrics2 --storage.tsdb.retention.time=${var.prometheus.retention_days}d --storage.tsdb.retention.size=${local.prometheus_disk_gib}GB --web.listen-address=127.0.0.1:9090
  END
  node_unit       = <<-END
    [Service]
    ExecStart=
    ExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=127.0.0.1:9100
  END

  files = merge(
    {
      "/etc/telhub-hub/server.conf"                                     = local.server_conf
      "/etc/telhub-hub/boards.acl"                                      = local.boards_acl
      "/etc/telhub-hub/postgresql.conf"                                 = local.postgresql_conf
      "/etc/telhub-hub/prometheus.yml"                                  = local.prometheus_yml
      "/etc/telhub-hub/rules/README.yml"                                = "groups: []\n"
      "/etc/ttp.toml"                                                   = local.ttp_toml
      "/etc/sysctl.d/60-telhub-hub.conf"                                = "vm.overcommit_memory = 1\n"
      "/etc/sysusers.d/ttp.conf"                                        = "u ttp - \"telhub's TelemetryTaskProcessor\"\n"
      "/etc/systemd/system/ttp.service"                                 = local.ttp_service
      "/etc/systemd/system/${var.engine}-server.service.d/hub.conf"     = local.server_unit
      "/etc/systemd/system/prometheus.service.d/hub.conf"               = local.prometheus_unit
      "/etc/systemd/system/prometheus-node-exporter.service.d/hub.conf" = local.node_unit
      "/etc/systemd/system/telhub-hub.service"                          = "[Unit]\nDescription=Certificates and users of telhub's hub\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/telhub-hub-setup\n"
      "/etc/systemd/system/telhub-hub.timer"                            = "[Unit]\nDescription=Renews the hub's certificate in time\n[Timer]\nOnCalendar=weekly\nRandomizedDelaySec=6h\nPersistent=yes\n[Install]\nWantedBy=timers.target\n"
      "/usr/local/sbin/telhub-hub-setup"                                = local.setup
    },
    { for name, text in var.prometheus.rules : "/etc/telhub-hub/rules/${name}" => text },
  )

  packages = concat(
    var.engine == "valkey" ? ["valkey-server", "valkey-tools"] : ["redis-server", "redis-tools"],
    ["postgresql", "prometheus", "prometheus-node-exporter", "openssl", "curl", "ca-certificates"],
  )

  cloud_init = "#cloud-config\n${yamlencode({
    hostname        = "${var.name}-hub"
    package_update  = var.package_update
    package_upgrade = var.package_update
    packages        = local.packages
    # Not deferred: units and their settings are there before the packages that start them.
    write_files = [for path, text in local.files : {
      path  = path
      owner = "root:root"
      # Digests of passwords are for who makes the server's list of them.
      permissions = startswith(path, "/usr/local/sbin/") ? "0755" : endswith(path, ".acl") ? "0600" : "0644"
      content     = text
    }]
    runcmd = [["/usr/local/sbin/telhub-hub-setup"]]
  })}"
  # What clouds take packed; cloud-init unpacks it by itself.
  packed       = base64gzip(local.cloud_init)
  packed_bytes = length(local.packed) / 4 * 3
}
