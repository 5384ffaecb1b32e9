# hil-app in a container: the demo without an arm, or an arm whose devices are handed in.
#
#   docker build -t hil-app .
#   docker run --rm -it -v "$PWD:/work" hil-app demo
#   docker run --rm -it -v "$PWD:/work" --device=/dev/ttyACM0 hil-app setup
#
# A terminal (-it) shows the live view and takes the operator's keys. A window or a gamepad needs
# more of the host than that: there, install hil-app on the robot's computer itself.

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt build setuptools
COPY . .
RUN python -m build --wheel --no-isolation --outdir /dist

FROM python:3.11-slim-bookworm
# what OpenCV needs, and off-screen OpenGL for simulated cameras and videos
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1 libgl1-mesa-dri libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /source/constraints.txt /dist/*.whl /tmp/hil-app/
RUN pip install --no-cache-dir --constraint /tmp/hil-app/constraints.txt /tmp/hil-app/*.whl \
    && rm -r /tmp/hil-app
# dialout has the serial ports, video the cameras
RUN useradd --uid 1000 --create-home --groups dialout,video operator
USER 1000
ENV MUJOCO_GL=egl
WORKDIR /work
ENTRYPOINT ["hil-app"]
CMD ["demo"]
