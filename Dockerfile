# The exporter alone, as a user without rights.
#
#   docker build -t wolkvox-exporter .
#   docker run -p 127.0.0.1:10013:10013 wolkvox-exporter demo
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Cargo.toml names them, so they have to be there; they are not built.
COPY benches benches
RUN cargo build --release --locked --bin wolkvox-exporter && mkdir /state

# The same libc as the build's. Root certificates and time zones are in the binary.
FROM debian:bookworm-slim
COPY --from=build /src/target/release/wolkvox-exporter /usr/local/bin/wolkvox-exporter
# The state file's default is data/wolkvox-exporter.redb: mount a volume here to keep the counters.
COPY --from=build --chown=65532:65532 /state /var/lib/wolkvox-exporter
WORKDIR /var/lib/wolkvox-exporter
USER 65532:65532
EXPOSE 10013
ENTRYPOINT ["/usr/local/bin/wolkvox-exporter"]
