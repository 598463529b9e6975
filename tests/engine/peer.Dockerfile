# What stands in for an image that the stack pulls: the program that the tests built, where that image has its own.
FROM scratch
ARG PROGRAM
ARG STATE
COPY zoneinfo /usr/share/zoneinfo
COPY program /bin/${PROGRAM}
COPY tools /bin
# Mounted empty, a volume takes over the owner of what it hides.
COPY --chown=65534:65534 state ${STATE}
USER 65534:65534
WORKDIR ${STATE}
