package web

import (
	"html/template"

	"github.com/yaci-ci/yaci/internal/ci"
)

// icon is a drawing of a state; its word stands beside it.
func icon(s ci.State) template.HTML {
	return template.HTML(
		`<svg class="i" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">` + shape(s) + `</svg>`,
	)
}

func shape(s ci.State) string {
	return map[ci.State]string{
		ci.Queued:    `<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M8 4.75V8l2.25 1.5" fill="none" stroke="currentColor" stroke-width="1.5"/>`,
		ci.Held:      `<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M6.25 5.5v5M9.75 5.5v5" stroke="currentColor" stroke-width="1.5"/>`,
		ci.Running:   `<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" opacity=".35"/><path class="spin" d="M8 1.75A6.25 6.25 0 0 1 14.25 8" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round"/>`,
		ci.Success:   `<circle cx="8" cy="8" r="7" fill="currentColor"/><path class="cut" d="m4.75 8.25 2.25 2.25 4.25-4.75" fill="none" stroke-width="1.75"/>`,
		ci.Failure:   `<circle cx="8" cy="8" r="7" fill="currentColor"/><path class="cut" d="m5.5 5.5 5 5m0-5-5 5" fill="none" stroke-width="1.75"/>`,
		ci.Error:     `<path d="M8 1 15.5 14.5H.5z" fill="currentColor"/><path class="cut" d="M8 5.5v4.25M8 11.5v1.25" fill="none" stroke-width="1.6"/>`,
		ci.Cancelled: `<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="m3.75 12.25 8.5-8.5" stroke="currentColor" stroke-width="1.5"/>`,
		ci.Skipped:   `<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2.5 2"/><path d="M5 8h6" stroke="currentColor" stroke-width="1.5"/>`,
	}[s]
}

// favicon is a state as a file of its own; any other word is YACI's sign. Marks
// stand out of the ground by being white.
func favicon(s ci.State) string {
	colour := map[ci.State]string{ci.Success: "#1a7f37", ci.Failure: "#cf222e", ci.Error: "#bc4c00", ci.Running: "#0969da"}[s]
	if colour == "" {
		colour = "#6e7781"
	}
	drawing := shape(s)
	if drawing == "" {
		drawing = `<rect x="1" y="1" width="14" height="14" rx="3.5" fill="currentColor"/><path class="cut" d="M4.75 4.5 8 8.5m3.25-4L8 8.5v3.25" fill="none" stroke-width="1.75"/>`
	}
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" color="` + colour + `"><style>.cut{stroke:#fff}</style>` + drawing + `</svg>`
}
