# The exporter alone: a static binary and root certificates, as a user without rights.
#
#   docker build -t wolkvox-exporter .
#   docker run -p 127.0.0.1:10013:10013 wolkvox-exporter demo
#
# Builds for the platform it runs on; docs/install.md says how to run it.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG BASE_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
COPY crates crates
COPY docs/runbooks docs/runbooks
# Cargo.toml names them, so they have to be there; they are not built.
COPY benches benches
COPY fuzz fuzz
COPY xtask xtask
COPY scripts/build-static scripts/build-static
COPY deploy/docker/assemble deploy/docker/assemble
ARG REVISION=
ENV WOLKVOX_BUILD_REVISION=${REVISION}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN deploy/docker/assemble "$(scripts/build-static)" /image && mkdir /state

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="wolkvox-exporter" \
      org.opencontainers.image.description="Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
# Mounted empty, a volume takes over the owner of what it hides.
COPY --from=build --chown=65532:65532 /state /var/lib/wolkvox-exporter
ENV WOLKVOX_STATE_PATH=/var/lib/wolkvox-exporter/wolkvox-exporter.redb
VOLUME /var/lib/wolkvox-exporter
WORKDIR /var/lib/wolkvox-exporter
USER 65532:65532
EXPOSE 10013
# It asks where the variables WOLKVOX_* say that the exporter listens; flags of the command it cannot know.
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s CMD ["/usr/bin/wolkvox-exporter", "healthcheck"]
ENTRYPOINT ["/usr/bin/wolkvox-exporter"]
