# ttp, the TelemetryTaskProcessor. Build it from the root of the repository;
# scripts/images.sh has the arguments.
ARG GO_IMAGE=docker.io/library/golang:1.26.8-bookworm

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
# Where modules come from; empty: as Go itself does.
ARG GOPROXY=
ENV GOPROXY=${GOPROXY} GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
COPY . .
# Time zones are for recurring tasks: Go reads its own archive of them.
RUN mkdir -p /base/etc/ssl/certs /base/tmp /base/usr/bin /base/usr/share \
 && cp /etc/ssl/certs/ca-certificates.crt /base/etc/ssl/certs/ \
 && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /base/usr/share/ \
 && echo 'ttp:x:65532:65532:ttp:/nonexistent:/nonexistent' >/base/etc/passwd \
 && echo 'ttp:x:65532:' >/base/etc/group \
 && chmod 1777 /base/tmp
ARG VERSION=unknown
ARG BUILT=0
ARG TARGETOS=linux
ARG TARGETARCH
ARG TARGETVARIANT
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} make -s ttp VERSION="${VERSION}" BUILT="${BUILT}"

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="ttp" \
      org.opencontainers.image.description="Task queue and worker pool on Redis Streams; telhub's telemetry into PostgreSQL, exactly once" \
      org.opencontainers.image.url="https://github.com/telhub/telhub" \
      org.opencontainers.image.source="https://github.com/telhub/telhub" \
      org.opencontainers.image.documentation="https://github.com/telhub/telhub/blob/main/docs/docker_deployment.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV ZONEINFO=/usr/share/zoneinfo.zip
COPY --from=build /base/ /
COPY --from=build /src/bin/ttp /usr/bin/ttp
USER 65532:65532
EXPOSE 9156
STOPSIGNAL SIGTERM
# Whether it lives, which a restart can mend; not whether Redis is there.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/ttp", "health", "--live"]
ENTRYPOINT ["/usr/bin/ttp"]
CMD ["run"]
