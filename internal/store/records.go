package store

import (
	"encoding/json"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// The record types are what the store writes as JSON, in columns and in the bodies of recovered deliveries. The keys
// of a record are a storage format: rows of all earlier versions have them, so a key keeps its name and its meaning,
// and a new one has a zero value that older rows can be read with. The types of internal/ci have no storage format and
// may change freely; functions beside each record convert one to the other. While both have the same fields that is a
// conversion of Go, which takes no notice of tags and does not compile when a field is added on one side only.

// encodeRecord returns a record as JSON.
func encodeRecord[T any](record T) ([]byte, error) { return json.Marshal(record) }

// decodeRecord reads a record that encodeRecord wrote, in this version or an earlier one.
func decodeRecord[T any](data []byte) (record T, err error) {
	err = json.Unmarshal(data, &record)
	return record, err
}

// convertAll converts each element of a list. A nil list stays nil, since null and [] differ as stored.
func convertAll[From, To any](list []From, convert func(From) To) []To {
	if list == nil {
		return nil
	}
	converted := make([]To, len(list))
	for i, v := range list {
		converted[i] = convert(v)
	}
	return converted
}

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

// interruptionRecord is a ci.Interruption in jobs.losses.
type interruptionRecord struct {
	At     time.Time `json:"At"`
	Reason string    `json:"Why"`
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

func newInterruptionRecord(l ci.Interruption) interruptionRecord { return interruptionRecord(l) }

func (r interruptionRecord) interruption() ci.Interruption { return ci.Interruption(r) }

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

func encodeInterruptions(losses []ci.Interruption) ([]byte, error) {
	return encodeRecord(convertAll(losses, newInterruptionRecord))
}

func decodeInterruptions(data []byte) ([]ci.Interruption, error) {
	records, err := decodeRecord[[]interruptionRecord](data)
	return convertAll(records, interruptionRecord.interruption), err
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
