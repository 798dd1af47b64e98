# A server for a run:  docker build -t headstart .
#                      docker run -p 8000:8000 -v ./runs/flowers:/runs/flowers:ro -v headstart:/var/lib/headstart headstart /runs/flowers
# The image has PyTorch for the processor; with --build-arg TORCH_BACKEND=auto uv chooses one for the machine that builds.

FROM python:3.12-slim AS build
ARG TORCH_BACKEND=cpu
RUN pip install --no-cache-dir uv
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
COPY docs/findings docs/findings
RUN uv build --wheel --out-dir /dist \
 && uv venv --python /usr/local/bin/python /opt/headstart \
 && uv pip install --no-cache --python /opt/headstart/bin/python --torch-backend "$TORCH_BACKEND" "$(ls /dist/*.whl)[serve]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/headstart --create-home headstart
COPY --from=build /opt/headstart /opt/headstart
ENV PATH=/opt/headstart/bin:$PATH \
    HEADSTART_CACHE=/var/lib/headstart/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER headstart
WORKDIR /var/lib/headstart
VOLUME /var/lib/headstart
EXPOSE 8000
# /ready is 200 once every model can answer. It needs no key.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
# It answers what was begun, for at most the seconds of --deadline (10) and one more; `docker run --stop-timeout 15` waits for that.
STOPSIGNAL SIGTERM
ENTRYPOINT ["headstart", "serve", "--host", "0.0.0.0", "--port", "8000", "--corrections", "/var/lib/headstart/corrections"]
CMD ["/runs/model"]
