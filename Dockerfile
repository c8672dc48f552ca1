# The image: built by cargo from the lock file, run from a Debian without a toolchain.

FROM rust:1.95-bookworm AS builder
WORKDIR /build

# The dependencies alone, as a layer of their own: it is built again when Cargo.lock changes, not at
# every change of ours. Cargo wants the benches that a manifest names to be there. (No cache mounts:
# Railway refuses those whose id does not name its service.)
COPY Cargo.toml Cargo.lock ./
COPY reconciler/Cargo.toml reconciler/
RUN mkdir -p src benches reconciler/src reconciler/benches \
 && echo 'fn main() {}' >src/main.rs \
 && touch reconciler/src/lib.rs \
 && for crate in . reconciler; do \
        sed -n '/^\[\[bench\]\]/{n;s/^name = "\(.*\)"/\1/p}' "$crate/Cargo.toml" \
        | while read -r bench; do cp src/main.rs "$crate/benches/$bench.rs"; done; \
    done \
 && cargo build --release --locked --bin skill-sync

# Cargo compares times, and those of a checkout may be older than the layer above.
COPY build.rs ./
COPY reconciler/build.rs reconciler/
COPY reconciler/src reconciler/src
COPY src src
RUN touch src/main.rs reconciler/src/lib.rs \
 && cargo build --release --locked --bin skill-sync

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="skill-sync" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

# The certificate authorities for https, the ssh client, which reads ssh:// repositories and verifies SSH
# signatures, and the verifier of OpenPGP signatures.
# Not pinned: the distribution's security updates are wanted, not one version of the packages.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates openssh-client gpgv \
 && rm -rf /var/lib/apt/lists/*

COPY --from=builder /build/target/release/skill-sync /usr/local/bin/skill-sync

# Of an arena for each thread the C library gives little back: two take up to an eighth less memory and no more time.
ENV MALLOC_ARENA_MAX=2

# No USER: Railway mounts a volume owned by root and changes nothing about it, so another user could
# not write the skills. Where the volume belongs to somebody, `--user UID:GID` works: nothing below
# is written but the directory of SKILLS_DIR, and no port under 1024 is used.
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/skill-sync", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/skill-sync"]
CMD ["run"]
