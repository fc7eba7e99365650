package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

//go:embed static
var staticFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// parsed returns the templates, one set for each page. They are parsed on first use.
var parsed = sync.OnceValues(func() (map[string]*template.Template, error) {
	all := map[string]*template.Template{}
	pages, err := fs.Glob(templateFiles, "templates/page/*.html")
	if err != nil {
		return nil, err
	}
	for _, file := range pages {
		t, err := template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/*.html", file)
		if err != nil {
			return nil, err
		}
		all[path.Base(file)] = t
	}
	return all, nil
})

// pageTemplate returns the template of a page by its file name.
func pageTemplate(name string) (*template.Template, error) {
	all, err := parsed()
	if err != nil {
		return nil, err
	}
	return all[name], nil
}

// asset returns the address of a static file. It contains a hash of the content, so that browsers
// can cache it forever.
func asset(name string) (string, error) {
	data, err := content(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "/-/static/" + hex.EncodeToString(sum[:6]) + "/" + name, nil
}

// content returns a static file: an embedded one, or one that is generated.
func content(name string) ([]byte, error) {
	if name == "colours.css" {
		return []byte(colours()), nil
	}
	if state, ok := strings.CutPrefix(strings.TrimSuffix(name, ".svg"), "icon-"); ok {
		return []byte(favicon(ci.State(state))), nil
	}
	return staticFiles.ReadFile("static/" + name)
}

// static serves a static file. The hash in the address is not checked: it only makes browsers load
// a new version.
func static(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "file")
	data, err := content(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	kind := map[string]string{".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}[path.Ext(name)]
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// icons contain a style
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(data)
}

// icon returns the drawing of a state. The state's name is next to it.
func icon(s ci.State) template.HTML {
	return template.HTML(
		`<svg class="i" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">` + shape(s) + `</svg>`,
	)
}

// shape returns the inside of the SVG drawing for a state, or "" for another word.
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

// favicon returns the icon of a state as an SVG file, or YACI's logo for any other word.
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

// colours returns the style sheet for the 256 colours of a terminal, with the classes that
// terminal-to-html writes. It lightens colours that would be unreadable on the dark background of a
// log.
func colours() string {
	var b strings.Builder
	for i := range 256 {
		r, g, bl := xtermColour(i)
		bg, fg := fmt.Sprintf(".term-bgx%d", i), fmt.Sprintf(".term-fgx%d", i)
		switch { // the first 16 have names of their own
		case i < 8:
			bg, fg = fmt.Sprintf("%s,.term-bg%d", bg, 40+i), fmt.Sprintf("%s,.term-fg%d", fg, 30+i)
		case i < 16:
			bg, fg = fmt.Sprintf("%s,.term-bgi%d", bg, 92+i), fmt.Sprintf("%s,.term-fgi%d", fg, 82+i)
		}
		fmt.Fprintf(&b, "%s{background:#%02x%02x%02x}\n", bg, r, g, bl)
		if light := (299*r + 587*g + 114*bl) / 1000; light < 110 {
			lift := (110 - light) * 255 / (255 - light)
			r = r + (255-r)*lift/255
			g = g + (255-g)*lift/255
			bl = bl + (255-bl)*lift/255
		}
		fmt.Fprintf(&b, "%s{color:#%02x%02x%02x}\n", fg, r, g, bl)
	}
	return b.String()
}

// xtermColour returns a colour of xterm's palette: 16 named ones, a cube of 6 by 6 by 6, and 24
// greys.
func xtermColour(i int) (r, g, b int) {
	named := [16][3]int{
		{0x5c, 0x63, 0x70},
		{0xf0, 0x71, 0x78},
		{0x8c, 0xc8, 0x5f},
		{0xe5, 0xb5, 0x67},
		{0x6c, 0xb0, 0xf5},
		{0xd0, 0x90, 0xe8},
		{0x5f, 0xc4, 0xcf},
		{0xd4, 0xd7, 0xdc},
		{
			0x8b,
			0x93,
			0xa1,
		},
		{0xff, 0x8b, 0x92},
		{0xa8, 0xe0, 0x7c},
		{0xff, 0xd0, 0x80},
		{0x8c, 0xc4, 0xff},
		{0xe2, 0xa8, 0xf5},
		{0x80, 0xdd, 0xe8},
		{0xff, 0xff, 0xff},
	}
	switch {
	case i < 16:
		return named[i][0], named[i][1], named[i][2]
	case i < 232:
		level := func(n int) int {
			if n == 0 {
				return 0
			}
			return 55 + 40*n
		}
		i -= 16
		return level(i / 36), level(i / 6 % 6), level(i % 6)
	}
	v := 8 + 10*(i-232)
	return v, v, v
}
