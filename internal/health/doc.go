// Package health asks a running telhub or ttp how it is, over its local HTTP
// server: GET /health/detailed and GET /health/live. It is what stands behind
// `telhub health` and `ttp health`, for health checks of containers that have
// neither a shell nor curl.
//
// It speaks HTTP over one connection of its own: the client of net/http would
// make the board's program larger for two requests.
package health
