# One image, four commands: haulwatch collect | record | judge | serve.

FROM node:22-bookworm-slim AS console
WORKDIR /web
COPY api/console/web/package.json api/console/web/package-lock.json api/console/web/.npmrc ./
RUN npm ci
COPY api/console/web ./
RUN npm run build && gzip --best --keep /built/assets/*

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/haulwatch && python -m venv /opt/tools
WORKDIR /src
# Packages first: they change less often than the code. The tools compile the message path and stay in this stage.
COPY requirements.lock requirements-dev.lock ./
RUN /opt/haulwatch/bin/pip install --require-hashes -r requirements.lock
# The extra `kafka`, as the tools are locked; it needs no other package.
RUN awk '/^confluent-kafka==/ { found = 1 } found { print; if (!/\\$/) exit }' requirements-dev.lock > kafka.lock \
 && /opt/haulwatch/bin/pip install --require-hashes --no-deps -r kafka.lock
RUN /opt/tools/bin/pip install --require-hashes -r requirements-dev.lock
COPY . .
COPY --from=console /built api/console/built
RUN COMPILE_JUDGEMENT=1 /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/haulwatch/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim-bookworm
# The font of the Chinese record of evidence packs.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --home-dir /var/lib/haulwatch --create-home --shell /usr/sbin/nologin haulwatch \
 && chmod 0700 /var/lib/haulwatch
COPY --from=build /opt/haulwatch /opt/haulwatch
ENV PATH=/opt/haulwatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HAULWATCH_DATA_DIR=/var/lib/haulwatch \
    HAULWATCH_LOG_FORMAT=json
# New volumes mounted there belong to this user (docker-compose.yml): the broker's access files, the simulators' data,
# what gateways keep.
RUN install -d -o haulwatch -g haulwatch /var/lib/haulwatch-broker /var/lib/haulwatch-simulators \
 && install -d -m 0700 -o haulwatch -g haulwatch /var/lib/haulwatch-authority /var/lib/haulwatch/gateways
USER haulwatch
VOLUME /var/lib/haulwatch
# Every command needs these two; docker-compose.yml checks more for each process.
HEALTHCHECK --interval=30s --timeout=20s --start-period=20s --retries=3 \
    CMD ["haulwatch", "doctor", "data", "database"]
ENTRYPOINT ["haulwatch"]
CMD ["--help"]
