# The worker with its browser. Debian's own Python and Chromium: security updates come with a rebuild.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates chromium fonts-liberation fonts-noto-color-emoji libatomic1 openssl postgresql-client \
      python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin monitor \
 && install -d -o 10001 -g 10001 -m 0700 /data \
 && install -d -o 10001 -g 10001 -m 0755 /config

WORKDIR /app
# What the project needs comes first and by itself: a new version of ours alone is then a quick rebuild.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN python3 -m venv venv \
 && venv/bin/pip install --no-cache-dir --upgrade pip \
 && venv/bin/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > /tmp/needed.txt \
 && venv/bin/pip install --no-cache-dir --constraint constraints.txt --requirement /tmp/needed.txt \
 && rm /tmp/needed.txt
COPY config ./config
COPY classifiers ./classifiers
COPY connectors ./connectors
COPY monitor ./monitor
# Compiled now: the worker cannot write here.
RUN venv/bin/pip install --no-cache-dir --no-deps --editable . \
 && venv/bin/python -m compileall -q classifiers connectors monitor

ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 MONITOR_CONFIG=/config/monitor.yaml MONITOR_DATA=/data
USER 10001:10001
VOLUME ["/data"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-P", "/app/monitor/store/alive.py"]
ENTRYPOINT ["tini", "--", "monitor"]
CMD ["run"]
