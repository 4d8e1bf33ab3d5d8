// A module of its own: Grafana's schema is no dependency of telhub.
module github.com/telhub/telhub/scripts/monitoring

go 1.26

require github.com/grafana/grafana-foundation-sdk/go v0.0.12
