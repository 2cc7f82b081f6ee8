# With nasm the software encoder is about three times as fast on x86-64; its ARM assembly needs none.
ARG CROSS_BASE_IMAGE
# hadolint ignore=DL3006
FROM ${CROSS_BASE_IMAGE}

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends -y nasm \
    && rm -rf /var/lib/apt/lists/*
