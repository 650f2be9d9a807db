# Builds a static binary and runs it as an unprivileged user.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /tarn . && mkdir /data

FROM scratch
COPY --from=build /tarn /tarn
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 7432 7433
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/tarn", "health", "--http", "127.0.0.1:7433"]
ENTRYPOINT ["/tarn"]
CMD ["serve", "--data", "/data"]
