// Package logscan reads the text of logs: it joins fragments to lines
// ([LineAssembler]), removes what only a terminal understands ([PlainLine]), and finds
// errors and annotations in the log of a failed step ([ErrorScanner]).
//
// internal/logs uses it to store where a failed step's first error is, internal/report
// for the annotations of check runs, and internal/web for what pages show. It knows
// nothing of where logs are kept.
//
// A log is text of a stranger. The work that a scanner does with regular expressions is
// bounded, whatever the step printed, and an annotation is data: a path inside the
// repository, a line and a message of bounded size.
package logscan
