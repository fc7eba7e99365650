package store

import "encoding/json"

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
