package store

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// stepRecord is a ci.Step in jobs.steps.
type stepRecord struct {
	Name      string    `json:"Name"`
	Container string    `json:"Container"`
	State     ci.State  `json:"State"`
	Exit      int       `json:"Exit"`
	Allowed   bool      `json:"Allowed"`
	Reason    string    `json:"Reason"`
	Started   time.Time `json:"Started"`
	Finished  time.Time `json:"Finished"`
	Bytes     int64     `json:"Bytes"`
	Lines     int64     `json:"Lines"`
	Memory    int64     `json:"Memory"`
	Limit     int64     `json:"Limit"`
	CPU       int64     `json:"CPU"`
	OOM       int       `json:"OOM"`
	Attempts  int       `json:"Attempts,omitempty"`
}

// serviceRecord is a ci.Service in jobs.services.
type serviceRecord struct {
	Name      string    `json:"Name"`
	Container string    `json:"Container"`
	State     ci.State  `json:"State"`
	Exit      int       `json:"Exit"`
	Started   time.Time `json:"Started"`
	Finished  time.Time `json:"Finished"`
}

// lossRecord is a ci.Loss in jobs.losses.
type lossRecord struct {
	At     time.Time `json:"At"`
	Why    string    `json:"Why"`
	Detail string    `json:"Detail,omitempty"`
}

// imageRecord is a ci.Image in jobs.images.
type imageRecord struct {
	Name       string   `json:"name"`
	Pinned     string   `json:"pinned,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
}

// problemRecord is a ci.Problem in run_problems.problems.
type problemRecord struct {
	Line   int    `json:"Line"`
	Column int    `json:"Column"`
	Text   string `json:"Text"`
}

func newStepRecord(s ci.Step) stepRecord { return stepRecord(s) }

func (r stepRecord) step() ci.Step { return ci.Step(r) }

func newServiceRecord(s ci.Service) serviceRecord { return serviceRecord(s) }

func (r serviceRecord) service() ci.Service { return ci.Service(r) }

func newLossRecord(l ci.Loss) lossRecord { return lossRecord(l) }

func (r lossRecord) loss() ci.Loss { return ci.Loss(r) }

func newImageRecord(i ci.Image) imageRecord { return imageRecord(i) }

func (r imageRecord) image() ci.Image { return ci.Image(r) }

func newProblemRecord(p ci.Problem) problemRecord { return problemRecord(p) }

func (r problemRecord) problem() ci.Problem { return ci.Problem(r) }

func encodeSteps(steps []ci.Step) ([]byte, error) {
	return encodeRecord(convertAll(steps, newStepRecord))
}

func decodeSteps(data []byte) ([]ci.Step, error) {
	records, err := decodeRecord[[]stepRecord](data)
	return convertAll(records, stepRecord.step), err
}

func encodeServices(services []ci.Service) ([]byte, error) {
	return encodeRecord(convertAll(services, newServiceRecord))
}

func decodeServices(data []byte) ([]ci.Service, error) {
	records, err := decodeRecord[[]serviceRecord](data)
	return convertAll(records, serviceRecord.service), err
}

func encodeLosses(losses []ci.Loss) ([]byte, error) {
	return encodeRecord(convertAll(losses, newLossRecord))
}

func decodeLosses(data []byte) ([]ci.Loss, error) {
	records, err := decodeRecord[[]lossRecord](data)
	return convertAll(records, lossRecord.loss), err
}

func encodeImages(images []ci.Image) ([]byte, error) {
	return encodeRecord(convertAll(images, newImageRecord))
}

func decodeImages(data []byte) ([]ci.Image, error) {
	records, err := decodeRecord[[]imageRecord](data)
	return convertAll(records, imageRecord.image), err
}

func encodeProblems(problems []ci.Problem) ([]byte, error) {
	return encodeRecord(convertAll(problems, newProblemRecord))
}

func decodeProblems(data []byte) ([]ci.Problem, error) {
	records, err := decodeRecord[[]problemRecord](data)
	return convertAll(records, problemRecord.problem), err
}
