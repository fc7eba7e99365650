package pipeline

import _ "embed" // for schema.json

// SchemaURL is where the schema is served; a modeline in a file names it for editors:
//
//	# yaml-language-server: $schema=https://ci.example.com/schema.json
const SchemaURL = "/schema.json"

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of .yaci.yml. A test holds it equal to the types of this package.
func Schema() string { return schema }
