# syntax=docker/dockerfile:1
# manticore as an image: to run by itself with a directory mounted at /app/migrations, or as the
# base of an image that carries them (docs/deploying.md).
#
#     docker build --tag manticore .
#
# The digest is that of the index, so one line serves every platform. To move it on, write here
# what `docker buildx imagetools inspect python:3.13-slim` says; the workflow that publishes the
# image fails where a platform is missing from it.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# Without pip in it: the image installs nothing at run time. The modules are compiled here, since
# later nobody may write beside them, and every start would compile them anew.
RUN python -m venv --without-pip /opt/manticore
# hadolint ignore=DL3059
RUN pip --python /opt/manticore/bin/python install --no-cache-dir --disable-pip-version-check --compile .

FROM ${BASE}
LABEL org.opencontainers.image.title="manticore" \
      org.opencontainers.image.description="Migrations for CockroachDB and PostgreSQL, each exactly once" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/manticore /opt/manticore
ENV PATH=/opt/manticore/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
# A number, which runAsNonRoot can check; it owns no file of the image.
USER 65532:65532
# The form in brackets: no shell in between, which would not hand SIGTERM on.
ENTRYPOINT ["manticore"]
CMD ["--help"]
