# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the build, so the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin leadsman \
    && cp target/release/leadsman /leadsman \
    && mkdir /data

# glibc, certificate authorities and a non-root user; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /leadsman /leadsman
# A fresh volume takes over the owner of the directory that it covers.
COPY --from=build --chown=65532:65532 /data /data
# A container is reached from outside of it. Nothing authenticates those who call yet, so whoever can reach the API
# may use it: publish its port on 127.0.0.1, or put a NetworkPolicy or a proxy in front. These win over a file.
ENV LEADSMAN_STORAGE_DIRECTORY=/data \
    LEADSMAN_API_ADDRESS=0.0.0.0:8080 \
    LEADSMAN_HEALTH_ADDRESS=0.0.0.0:8081 \
    LEADSMAN_METRICS_ADDRESS=0.0.0.0:9090 \
    LEADSMAN_AUTH_MODE=none
VOLUME /data
USER 65532:65532
# API, health, metrics
EXPOSE 8080 8081 9090
ENTRYPOINT ["/leadsman"]
CMD ["serve"]
