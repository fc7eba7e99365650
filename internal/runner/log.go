package runner

// What the runner itself writes to the log of a step, beside progress markers. Pages
// fold groups, as GitHub Actions does (docs.github.com, "Workflow commands",
// "Grouping log lines").
const (
	NotePrefix = Program + ": " // begins a line of the runner's own

	// The script that the step runs is a group at the beginning of the log. Each line
	// of it is indented, so that none of them can end the group or be taken for a
	// workflow command such as ::error.
	ScriptGroup  = "::group::Run " // the first line of the script follows
	ScriptIndent = "  "
	EndGroup     = "::endgroup::"
)
