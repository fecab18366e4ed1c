# Two stages: what installs stays in the first. No compiler, no pip of ours and no root at run time;
# the root file system may be read-only. 'make image-test' builds and runs it without Docker.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS build
WORKDIR /build
COPY requirements.lock ./
RUN python3 -m venv /opt/awizo \
 && /opt/awizo/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
COPY src ./src
COPY config ./config
RUN site=$(/opt/awizo/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])') \
 && cp -r src/awizo "$site/awizo" \
 && cp -r config "$site/awizo/_config" \
 && printf '#!/opt/awizo/bin/python\nimport sys\n\nfrom awizo.cli import main\n\nsys.exit(main())\n' > /opt/awizo/bin/awizo \
 && chmod +x /opt/awizo/bin/awizo \
 && /opt/awizo/bin/python -m compileall -q "$site/awizo" \
 && rm -rf /opt/awizo/lib/python3*/site-packages/pip /opt/awizo/lib/python3*/site-packages/pip-* \
 && /opt/awizo/bin/awizo --version

FROM ${BASE}
LABEL org.opencontainers.image.title="Awizo" \
      org.opencontainers.image.description="A drop-in SMTP host for shops that sell on Allegro" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/awizo /opt/awizo
RUN groupadd --system --gid 10025 awizo \
 && useradd --system --uid 10025 --gid 10025 --home-dir /var/lib/awizo --shell /usr/sbin/nologin awizo \
 && install -d -o awizo -g awizo -m 0700 /var/lib/awizo \
 && install -d -o root -g root -m 0755 /etc/awizo
COPY config/awizo.toml /etc/awizo/awizo.toml
ENV PATH=/opt/awizo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AWIZO_CONFIG=/etc/awizo/awizo.toml \
    AWIZO_STORE__URL=sqlite:////var/lib/awizo/awizo.db
USER 10025:10025
WORKDIR /var/lib/awizo
VOLUME /var/lib/awizo
EXPOSE 2525 8025
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 CMD ["awizo", "healthcheck"]
ENTRYPOINT ["awizo"]
CMD ["serve"]
