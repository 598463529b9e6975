# The exporter alone, as a user without rights, on an image without a shell.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock rust-toolchain.toml ./
COPY src src
COPY benches benches
RUN cargo build --release --locked --bin wolkvox-exporter

# glibc and nothing else: root certificates and the time zones are in the binary.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/wolkvox-exporter /usr/local/bin/wolkvox-exporter
# data/wolkvox-exporter.redb is the default state file: mount a volume here to keep the counters.
WORKDIR /var/lib/wolkvox-exporter
EXPOSE 10013
ENTRYPOINT ["/usr/local/bin/wolkvox-exporter"]
