package pipeline_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/pipeline"
)

type object = map[string]any

// schemaOf describes a type by its yaml, doc and enum tags. Types that read
// themselves have more than one form, and so they are written out here.
func schemaOf(t reflect.Type) object {
	text := object{"type": "string"}
	words := object{"type": "array", "items": text, "minItems": 1}
	switch t {
	case reflect.TypeFor[pipeline.Duration]():
		return object{"type": "string", "pattern": `^([0-9.]+(h|m|s|ms))+$`}
	case reflect.TypeFor[pipeline.Quantity]():
		return object{"type": []string{"string", "number"}}
	case reflect.TypeFor[pipeline.User]():
		return object{"anyOf": []object{
			{"type": "integer", "minimum": 0, "maximum": 65534},
			{"type": "string", "pattern": "^[0-9]+(:[0-9]+)?$"},
		}}
	case reflect.TypeFor[pipeline.Patterns]():
		return object{"anyOf": []object{text, words}}
	case reflect.TypeFor[pipeline.Shell]():
		return object{"anyOf": []object{{"enum": []string{"sh", "bash"}}, words}}
	case reflect.TypeFor[pipeline.Command]():
		return object{"anyOf": []object{{"type": "string", "minLength": 1}, words}}
	case reflect.TypeFor[pipeline.Env]():
		return object{
			"type":                 "object",
			"propertyNames":        object{"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
			"additionalProperties": text,
		}
	case reflect.TypeFor[pipeline.Matrix]():
		cells := func(doc string) object {
			return object{"description": doc, "type": "array", "items": object{"type": "object", "additionalProperties": text}}
		}
		return object{"type": "object", "additionalProperties": words, "properties": object{
			"include": cells(
				"Combinations that there are besides; a value of a new variable too.",
			), "exclude": cells("Combinations that there shall not be; values that are not named match all.")}}
	case reflect.TypeFor[pipeline.Jobs]():
		return object{"type": "object", "additionalProperties": structOf(reflect.TypeFor[pipeline.Job]()), "minProperties": 1}
	case reflect.TypeFor[pipeline.Step]():
		return object{"anyOf": []object{{"type": "string", "minLength": 1}, structOf(t)}}
	case reflect.TypeFor[pipeline.Clone]():
		return object{"anyOf": []object{{"const": false}, structOf(t)}}
	case reflect.TypeFor[pipeline.On]():
		return object{"anyOf": []object{{"enum": []string{"push", "pull_request", "merge_group"}}, words, structOf(t)}}
	case reflect.TypeFor[pipeline.PushFilter](), reflect.TypeFor[pipeline.PullFilter](), reflect.TypeFor[struct{}]():
		return object{"anyOf": []object{{"type": "null"}, structOf(t)}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		list := object{"type": "array", "items": schemaOf(t.Elem())}
		if t.Elem().Kind() == reflect.String {
			return object{"anyOf": []object{text, list}}
		}
		return list
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Struct:
		return structOf(t)
	}
	return text
}

func structOf(t reflect.Type) object {
	properties := object{}
	for _, f := range reflect.VisibleFields(t) {
		key, inline, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" || inline != "" {
			continue
		}
		p := schemaOf(f.Type)
		if enum := f.Tag.Get("enum"); enum != "" {
			word := object{"enum": strings.Split(enum, ",")}
			if p = word; f.Type.Kind() == reflect.Slice {
				p = object{"anyOf": []object{word, {"type": "array", "items": word}}}
			}
		}
		p["description"] = f.Tag.Get("doc")
		properties[key] = p
	}
	return object{
		"type":                 "object",
		"properties":           properties,
		"patternProperties":    object{"^x-": true},
		"additionalProperties": false,
	}
}

// TestSchema holds schema.json equal to the types, and both equal to what Parse accepts.
func TestSchema(t *testing.T) {
	s := structOf(reflect.TypeFor[pipeline.File]())
	delete(s["properties"].(object), "needs") // belongs to jobs
	s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "YACI pipeline (.yaci.yml)"
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", string(data)+"\n")
	if *update {
		return // the embedded one is still the old
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(pipeline.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled := c.MustCompile("schema.json")
	paths, _ := filepath.Glob("../testdata/pipeline/*/.yaci.yml")
	refused := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, wrong := pipeline.Parse(data)
		var v any
		if yaml.Unmarshal(data, &v) != nil {
			continue
		}
		name := filepath.Base(filepath.Dir(path))
		err = compiled.Validate(v)
		if err != nil && wrong == nil {
			t.Errorf("%s: Parse accepts what the schema refuses: %v", name, err)
		} else if err != nil {
			refused++
		}
		schemaSees := []string{"unknown-keys", "a-list", "clone-wrong", "no-coercion", "on-wrong", "when-wrong"}
		if slices.Contains(schemaSees, name) && compiled.Validate(v) == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
	t.Logf("the schema refuses %d of the wrong files", refused)
}
