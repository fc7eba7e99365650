package store

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
)

var update = flag.Bool("update", false, "write golden files anew")

// filler sets fields to values that differ from each other and from zero, so that a field that is lost or exchanged
// shows.
type filler struct{ next int64 }

// Fill returns a value of a type with every field set, and lists with two elements.
func Fill[T any]() T {
	var v T
	f := &filler{}
	f.set(reflect.ValueOf(&v).Elem())
	return v
}

func (f *filler) set(v reflect.Value) {
	f.next++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + f.next).UTC()))
		return
	case time.Duration:
		v.SetInt(f.next * int64(time.Second))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.set(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.set(v.Index(0))
		f.set(v.Index(1))
	case reflect.String:
		v.SetString(v.Type().Name() + "-" + string(rune('a'+f.next%26)) + strings.Repeat("x", int(f.next)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.next)
	case reflect.Uint8:
		v.SetUint(uint64(f.next))
	default:
		panic("fill " + v.Type().String())
	}
}

// TestRecordsKeepEveryField fails when a field is added to a domain type and not to its record.
func TestRecordsKeepEveryField(t *testing.T) {
	keeps(t, encodeEvent, decodeEvent)
	keeps(t, encodeRepo, decodeRepo)
	keeps(t, encodeSteps, decodeSteps)
	keeps(t, encodeServices, decodeServices)
	keeps(t, encodeInterruptions, decodeInterruptions)
	keeps(t, encodeImages, decodeImages)
	keeps(t, encodeProblems, decodeProblems)
}

func keeps[T any](t *testing.T, encode func(T) ([]byte, error), decode func([]byte) (T, error)) {
	t.Helper()
	var zero T
	for _, want := range []T{Fill[T](), zero} {
		data, err := encode(want)
		if err != nil {
			t.Fatalf("%T: %v", want, err)
		}
		got, err := decode(data)
		if err != nil {
			t.Fatalf("%T: %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T as stored (-want +got):\n%s", want, diff)
		}
	}
}

// TestRecordsKeepTheirKeys compares records with the bytes that the version before the record types wrote. A new key
// may be added to the golden file with -update; one that is there must stay, since rows have it.
func TestRecordsKeepTheirKeys(t *testing.T) {
	const golden = "testdata/records.golden.json"
	got := map[string]json.RawMessage{}
	for name, encode := range map[string]func() ([]byte, error){
		"event":        func() ([]byte, error) { return encodeEvent(Fill[ci.Event]()) },
		"repo":         func() ([]byte, error) { return encodeRepo(Fill[ci.Repo]()) },
		"steps":        func() ([]byte, error) { return encodeSteps(Fill[[]ci.Step]()) },
		"services":     func() ([]byte, error) { return encodeServices(Fill[[]ci.Service]()) },
		"losses":       func() ([]byte, error) { return encodeInterruptions(Fill[[]ci.Interruption]()) },
		"images":       func() ([]byte, error) { return encodeImages(Fill[[]ci.Image]()) },
		"problems":     func() ([]byte, error) { return encodeProblems(Fill[[]ci.Problem]()) },
		"empty event":  func() ([]byte, error) { return encodeEvent(ci.Event{}) },
		"empty steps":  func() ([]byte, error) { return encodeSteps([]ci.Step{{}}) },
		"no steps":     func() ([]byte, error) { return encodeSteps(nil) },
		"empty images": func() ([]byte, error) { return encodeImages([]ci.Image{{}}) },
		"no images":    func() ([]byte, error) { return encodeImages(nil) },
		"no losses":    func() ([]byte, error) { return encodeInterruptions(nil) },
	} {
		data, err := encode()
		if err != nil {
			t.Fatal(err)
		}
		got[name] = data
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got), written anew by -update:\n%s", golden, diff)
	}
}
