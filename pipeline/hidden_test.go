package pipeline_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/yaci-ci/yaci/pipeline"
)

// TestG4 holds that every explicit tag, and everything else that YAML reads
// otherwise than it looks, is refused where it stands.
func TestG4(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a command": {"image: a\nsteps:\n  - ! grep -q hello README\n",
			".yaci.yml:3:5: ! is a YAML tag, which YACI would drop. Quote the whole value: '! grep -q hello README'"},
		"a command with quotes": {
			"image: a\nsteps:\n  - ! grep -q 'x y' F # never\n",
			"Quote the whole value: '! grep -q ''x y'' F'",
		},
		"run":         {"image: a\nsteps:\n  - run: ! test -e x\n", ":3:10: ! is a YAML tag"},
		"no space":    {"image: a\nsteps:\n  - !grep -q x F\n", ":3:5: !grep is a YAML tag"},
		"in brackets": {"image: a\nsteps: [make, ! grep x F]\n", ":2:15: ! is a YAML tag"},
		"a word":      {"image: a\nsteps: [{run: [! grep, x]}]\n", ":2:16: ! is a YAML tag"},
		"long": {
			"image: a\nenv: {A: !!str 5}\nsteps: [x]\n",
			":2:10: !!str is a YAML tag, which YACI would drop. Remove it, and quote a value that is a string: '5'",
		},
		"verbatim": {
			"image: a\nenv:\n  A: !<tag:yaml.org,2002:str> 5\nsteps: [x]\n",
			":3:6: !<tag:yaml.org,2002:str> is a YAML tag",
		},
		"a key":                {"! image: a\nsteps: [x]\n", ":1:1: ! is a YAML tag"},
		"a list":               {"image: a\nsteps: ! [x]\n", ":2:8: ! is a YAML tag, which YACI would drop. Remove it"},
		"a block list":         {"image: a\nsteps: !\n  - x\n", ":2:8: ! is a YAML tag"},
		"a mapping":            {"image: a\nenv: !!map {A: b}\nsteps: [x]\n", ":2:6: !!map is a YAML tag"},
		"the file":             {"!pipeline\nimage: a\nsteps: [x]\n", ":1:1: !pipeline is a YAML tag"},
		"quoted":               {"image: a\nsteps: [! \"x\"]\n", ":2:9: ! is a YAML tag"},
		"a block":              {"image: a\nsteps:\n  - ! |\n    x\n", ":3:5: ! is a YAML tag"},
		"nothing":              {"image: a\nsteps: [x]\nenv:\n  A: !\n", ":4:6: ! is a YAML tag"},
		"behind an anchor":     {"image: a\nsteps:\n  - &x ! grep x F\n", ":3:8: ! is a YAML tag"},
		"before an anchor":     {"image: a\nsteps:\n  - ! &x grep x F\n", ":3:5: ! is a YAML tag"},
		"on lines of its own":  {"image: a\nsteps:\n  - &x\n    # why\n    ! grep x F\n", ":5:5: ! is a YAML tag"},
		"an alias's target":    {"x-a: &a ! grep x F\nimage: a\nsteps: [*a]\n", ":1:9: ! is a YAML tag"},
		"a merged mapping":     {"x-a: &a !foo {A: b}\nimage: a\nenv: {<<: *a}\nsteps: [x]\n", ":1:9: !foo is a YAML tag"},
		"a merge key":          {"x-a: &a {A: b}\nimage: a\nenv: {! <<: *a}\nsteps: [x]\n", ":3:7: ! is a YAML tag"},
		"under x-":             {"x-a: {b: [! c]}\nimage: a\nsteps: [x]\n", ":1:11: ! is a YAML tag"},
		"behind other letters": {"image: a\nenv: {ü: 'ä', B: ! c}\nsteps: [x]\n", ":2:18: ! is a YAML tag"},
		"far in a line":        {"image: a\nsteps: ['" + strings.Repeat("é", 600) + "', ! c]\n", ":2:613: ! is a YAML tag"},
		"a backspace": {
			"image: a\nsteps:\n  - \"grep '\\bfoo\\b' F\"\n",
			`:3:12: in double quotes \b is a backspace character. Write \\b, or use single quotes`,
		},
		"a line separator": {
			"image: a\nsteps:\n  - \"sed 's/x/\\\\&\\L&/' F\"\n",
			`:3:18: in double quotes \L is the line break U+2028`,
		},
		"over lines": {
			"image: a\nsteps:\n  - \"a\n    b \\_c\"\n",
			`:4:7: in double quotes \_ is a no-break space`,
		},
		"a comment that ends": {"image: a\n# see\u2028on: [push]\nsteps: [x]\n", ":2:6: U+2028 ends a line in YAML"},
		"a lone return":       {"image: a # b\rsteps: [x]\n", ":1:13: U+000D ends a line in YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pipeline.Parse([]byte(c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
	for _, text := range []string{
		"image: a\nsteps:\n  - '! grep -q hello README'\n  - \"! true\"\n  - |\n    ! grep x F\n  - echo ! x\n  - test 1 " +
			"!= 2\n",
		"image: a\non: {push: {branches: ['!wip', \"!x\"]}}\nsteps: [x] # ! not a tag\n",
		"image: a\r\nsteps:\r\n  - |\r\n    x\r\n",
		"image: a\nsteps: [\"printf '\\\\b\\t\\e[0m\\n'\"]\n",
	} {
		if _, err := pipeline.Parse([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestG4Anywhere puts a tag before each node of random files: none is accepted.
func TestG4Anywhere(t *testing.T) {
	tried := 0
	for seed := range 150 {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		text := randomFile(r)
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(text, "\n")
		var visit func(n *yaml.Node)
		visit = func(n *yaml.Node) {
			tried++
			changed := strings.Clone(lines[n.Line-1])
			runes := []rune(changed)
			tag := pick(r, "! ", "!x ", "!!str ", "!<y> ", "&q ! ")
			changed = string(runes[:n.Column-1]) + tag + string(runes[n.Column-1:])
			whole := strings.Join(append(append(append([]string{}, lines[:n.Line-1]...), changed), lines[n.Line:]...), "\n")
			_, err := pipeline.Parse([]byte(whole))
			if err == nil {
				t.Fatalf("accepted:\n%s", whole)
			}
			if yaml.Unmarshal([]byte(whole), new(yaml.Node)) == nil && !strings.Contains(err.Error(), "is a YAML tag") {
				t.Errorf("%v\n%s", err, whole)
			}
			for _, c := range n.Content {
				visit(c)
			}
		}
		visit(doc.Content[0])
	}
	if tried < 2000 {
		t.Errorf("only %d nodes", tried)
	}
}

// TestC14Brackets holds that brackets count as nesting only where YAML reads them as such.
func TestC14Brackets(t *testing.T) {
	deep := strings.Repeat("{[", 40)
	for name, text := range map[string]string{
		"a block scalar":    "image: a\nsteps:\n  - run: |\n      awk '" + deep + "' x\n\n      echo '" + deep + "'\n    name: x\n",
		"kept and folded":   "image: a\nsteps:\n  - |2-\n      " + deep + "\n     " + deep + "\n  - >+\n    " + deep + "\n\n  - x\n",
		"quotes":            "image: a\nsteps: ['" + deep + " it''s', \"" + deep + " \\\" " + deep + "\"]\n",
		"quotes over lines": "image: a\nsteps:\n  - \"a\n    " + deep + "\"\n  - 'a\n    " + deep + "'\n",
		"plain text":        "image: a\nsteps:\n  - awk " + deep + " x\n  - run: awk " + deep + "\n",
		"comments":          "# " + deep + "\nimage: a # " + deep + "\nsteps:\n  - |\n    x\n# " + deep + "\n  - x\n",
		"dashes in a block": "image: a\nsteps:\n  - |\n    " + strings.Repeat("- ", 50) + "x\n",
		"windows":           "image: a\r\nsteps:\r\n  - |\r\n    " + deep + "\r\n\r\n    " + deep + "\r\n",
		"behind an anchor":  "image: a\nsteps:\n  - &x |\n    " + deep + "\n  - *x\n",
	} {
		_, err := pipeline.Parse([]byte(text))
		if err != nil && !strings.Contains(err.Error(), "already") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"brackets":          "image: a\nsteps: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n",
		"over lines":        "image: a\nsteps: " + strings.Repeat("[\n", 40) + strings.Repeat("]", 40) + "\n",
		"braces":            "image: a\nx-a: " + strings.Repeat("{a: ", 40) + strings.Repeat("}", 40) + "\n",
		"after a block":     "image: a\nx-b: |\n  x\nx-a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n",
		"after quotes":      "image: a\nx-b: 'it''s'\nx-a: [\"\\\"\", " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "]\n",
		"a list in a list":  "image: a\nsteps:\n  " + strings.Repeat("- ", 40) + "x\n",
		"blocks of a block": "image: a\nx-a:\n" + deepBlock(40),
	} {
		_, err := pipeline.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "nested more than 32 levels deep") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func deepBlock(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return b.String()
}
