package bench

import (
	"context"
	"errors"
)

// ttpName is what the tables call our own system.
const ttpName = "ttp"

// ttpBatch is how many tasks a producer gives at once.
const ttpBatch = 100

// TTP is our own queue with its worker pool.
func TTP() Contender {
	return Contender{Name: ttpName, Batch: ttpBatch, Producers: 2, Open: func(ctx context.Context, srv *Server, o OpenOptions) (System, error) {
		return nil, errors.New("not built yet")
	}}
}
