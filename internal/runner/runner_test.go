package runner_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/runner"
)

// fill sets every field of a struct to a different value. If a new field is forgotten by one side, a round trip fails.
func fill(t *testing.T, to any) {
	t.Helper()
	v := reflect.ValueOf(to).Elem()
	for i := range v.NumField() {
		fillField(t, v.Type().Field(i).Name, v.Field(i), i+1)
	}
}

func fillField(t *testing.T, name string, field reflect.Value, number int) {
	t.Helper()
	switch field.Kind() {
	case reflect.String:
		field.SetString(fmt.Sprintf("%s %d", name, number))
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Int, reflect.Int64:
		field.SetInt(int64(number))
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 2, 2))
		for i := range 2 {
			fillField(t, name, field.Index(i), number+i)
		}
	case reflect.Struct:
		for i := range field.NumField() {
			fillField(t, field.Type().Field(i).Name, field.Field(i), number+i)
		}
	default:
		t.Fatalf("field %s: fillField does not know the kind %s", name, field.Kind())
	}
}

// fullRecord returns a record whose fields are all set, within their limits.
func fullRecord(t *testing.T) runner.Record {
	t.Helper()
	var r runner.Record
	fill(t, &r)
	r.Bytes, r.Lines = 1_000_000, 20_000
	r.Memory = 5 << 20 // it travels in KiB
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	want := fullRecord(t)
	got, err := runner.ParseRecord(want.Encode(500))
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	data, err := json.Marshal(want) // the format between steps, and of runners of earlier versions
	if err != nil {
		t.Fatal(err)
	}
	got, err = runner.ParseRecord(string(data))
	if err != nil || got != want {
		t.Errorf("JSON: %+v, %v; want %+v", got, err, want)
	}
	v := reflect.ValueOf(want)
	for i := range v.NumField() { // each flag has a bit of its own
		if v.Type().Field(i).Type.Kind() != reflect.Bool {
			continue
		}
		one := runner.Record{Finished: 1}
		reflect.ValueOf(&one).Elem().Field(i).SetBool(true)
		got, err := runner.ParseRecord(one.Encode(500))
		if err != nil || got != one {
			t.Errorf("%+v, %v; want %+v", got, err, one)
		}
	}
}

func TestPlanRoundTrip(t *testing.T) {
	var step runner.StepPlan
	fill(t, &step)
	want := []runner.StepPlan{step, {Needs: []int{0}}}
	text, err := runner.EncodePlan(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := runner.ParsePlan([]byte(text))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	files, err := json.Marshal(map[string]string{runner.PlanFile: text, "step-1.sh": "make"})
	if err != nil {
		t.Fatal(err)
	}
	got, err = runner.PlanOf(files)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, files := range []string{"", "{}", `{"plan.json":1}`, `{"plan.json":"{"}`} {
		if got, err := runner.PlanOf([]byte(files)); err == nil {
			t.Errorf("%q has the plan %+v", files, got)
		}
	}
}

func TestCloneRoundTrip(t *testing.T) {
	var all runner.Clone
	fill(t, &all)
	requests := []runner.Clone{all, {Depth: 1}, {URL: "u"}, {URL: "u", Depth: 7}}
	for i := range reflect.TypeFor[runner.Clone]().NumField() { // each field alone
		one := runner.Clone{Depth: 1}
		reflect.ValueOf(&one).Elem().Field(i).Set(reflect.ValueOf(all).Field(i))
		if one.URL == "" {
			one.Depth = 1 // it is only used with a URL
		}
		requests = append(requests, one)
	}
	for _, want := range requests {
		env := want.Environment()
		if got := runner.ParseClone(func(name string) string { return env[name] }); got != want {
			t.Errorf("%+v; want %+v", got, want)
		}
	}
	for _, depth := range []string{"", "-1", "1x", "99999999999999999999"} {
		env := map[string]string{"YACI_CLONE_DEPTH": depth}
		got := runner.ParseClone(func(name string) string { return env[name] })
		if got.Depth != 1 {
			t.Errorf("depth %q is %d", depth, got.Depth)
		}
	}
}

func TestCommands(t *testing.T) {
	for _, image := range []bool{false, true} {
		args := runner.StepArgs(3, image)
		var words []string
		if image {
			words = []string{"sh", "--", "-c"}
		}
		index, command, ok := runner.ParseStepArgs(append(args[1:], words...))
		if !ok || index != 3 || !slices.Equal(command, words) {
			t.Errorf("%v: %d %v %v", args, index, command, ok)
		}
		if !runner.IsStepCommand(args) || runner.RunsImageCommand(args) != image {
			t.Errorf("%v is not the command of a step, or image is not %v", args, image)
		}
	}
	if runner.IsStepCommand(runner.PrepareArgs()) {
		t.Error("the clone container passes for a step")
	}
	for _, args := range []string{"", "run", "run x", "run -1", "run 1 make", "prepare", "runs 1"} {
		if index, _, ok := runner.ParseStepArgs(strings.Fields(args)); ok {
			t.Errorf("%q is step %d", args, index)
		}
	}
	for _, name := range []string{"GOMEMLIMIT", "GOGC", "HOME", "YACI_PASS_HOME", "YACI_PASS_"} {
		if got := runner.CommandName(runner.PassedName(name)); got != name {
			t.Errorf("%s becomes %s", name, got)
		}
	}
}

func TestVersion(t *testing.T) {
	for version, refused := range map[string]bool{
		"":                             false, // stored before there were versions
		fmt.Sprint(runner.Version):     false,
		fmt.Sprint(runner.Version + 1): true,
		"0":                            true, "-1": true, "one": true, "1.0": true,
	} {
		if err := runner.CheckVersion(version); (err != nil) != refused {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

// TestStoredForms checks what rows and pods of earlier versions contain. A change of the protocol adds cases and
// changes none.
func TestStoredForms(t *testing.T) {
	r := runner.Record{
		Exit:     3,
		Started:  1_700_000_000_000,
		Finished: 1_700_000_001_000,
		Attempts: 2,
		Skipped:  true,
		Stopped:  true,
		Failed:   true,
		Reason:   "it broke",
		Note:     "twice",
		Bytes:    7,
		Lines:    1,
		Memory:   5 << 20,
		CPU:      40,
		OOM:      1,
	}
	const record = "y1 3 loyw3v28 loyw3vu0 2 l 7 1 3y8 14 1\nit broke\ntwice"
	if got := r.Encode(500); got != record {
		t.Errorf("%q", got)
	}
	const jsonRecord = `{"exit":3,"started":1700000000000,"finished":1700000001000,"attempts":2,"skipped":true,` +
		`"stopped":true,"failed":true,"reason":"it broke","note":"twice","bytes":7,"lines":1,"memory":5242880,` +
		`"cpu":40,"oom":1}`
	for _, message := range []string{record, jsonRecord} {
		got, err := runner.ParseRecord(message)
		if err != nil || got != r {
			t.Errorf("%s: %+v, %v", message, got, err)
		}
	}
	const plan = `[{"name":"n","script":"s","command":["c"],"dir":"d","class":1,"adopt":true,"own_home":true,` +
		`"quiet":true,"needs":[0],"when":"always","timeout_ms":2,"attempts":3,"on_exit":[4],"allow_failure":true,` +
		`"mask":["m"],` +
		`"ready":[{"service":"v","tcp":5,"timeout_ms":6}],"record_bytes":7}]`
	steps, err := runner.ParsePlan([]byte(plan))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(steps)
	if err != nil || string(data) != plan {
		t.Errorf("%s, %v", data, err)
	}
	if got := (runner.ProgressMarker{Lines: 3, Bytes: 14}).String(); got != "\x1b_yaci 3 14\x1b\\\n" {
		t.Errorf("%q", got)
	}
	var c runner.Clone
	fill(t, &c)
	c.Depth = 3
	var env []string
	for name, value := range c.Environment() {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	if got := strings.Join(env, "\n"); got != storedEnvironment {
		t.Errorf("%s", got)
	}
	for got, want := range map[string]string{
		strings.Join(runner.PrepareArgs(), " "):          "/usr/local/bin/yaci-step prepare",
		strings.Join(runner.StepArgs(1, true), " "):      "/yaci/bin/yaci-step run 1 --",
		runner.PassedName("GOGC"):                        "YACI_PASS_GOGC",
		runner.CloneURLVariable:                          "YACI_CLONE_URL",
		runner.VersionVariable:                           "YACI_PROTOCOL",
		runner.CloneContainer:                            "clone",
		runner.ManagedSelector:                           "app.kubernetes.io/managed-by=yaci",
		runner.ExecManager:                               "yaci-exec",
		runner.LabelRun + " " + runner.LabelInstallation: "yaci.dev/run yaci.dev/installation",
		strings.Join([]string{
			runner.PlanFile,
			runner.TokenFile,
			runner.RepositoriesFile,
		}, " "): "plan.json token repositories",
		strings.Join([]string{
			runner.WorkspaceDir,
			runner.BinDir,
			runner.SyncDir,
			runner.OwnDir,
			runner.HomesDir,
			runner.SeedDir,
			runner.VolumeDir,
		}, " "): "/workspace /yaci/bin /yaci/sync /yaci/own /yaci/home /yaci/seed /yaci/volume",
		strings.Join([]string{runner.WorkspacePath, runner.HomesPath, runner.StepPath(4)}, " "): "workspace home 4",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

const storedEnvironment = `YACI_CLONE_BASE=Base 7
YACI_CLONE_BASE_SHA=BaseSHA 8
YACI_CLONE_DEPTH=3
YACI_CLONE_FORK=true
YACI_CLONE_LFS=true
YACI_CLONE_MERGE=Merge 4
YACI_CLONE_OWNED=true
YACI_CLONE_PACK=stdin
YACI_CLONE_REVOKE=RevokeURL 14
YACI_CLONE_SHA=SHA 2
YACI_CLONE_SUBMODULES=true
YACI_CLONE_TAG=Tag 5
YACI_CLONE_TAGS=true
YACI_CLONE_URL=URL 1`
