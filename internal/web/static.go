package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
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

// parsed are the templates, one set a page, made when the first is asked for.
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

func pageTemplate(name string) (*template.Template, error) {
	all, err := parsed()
	if err != nil {
		return nil, err
	}
	return all[name], nil
}

// asset is the address of a static file. It changes with the content, so that
// browsers may keep what they have for ever.
func asset(name string) (string, error) {
	data, err := content(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "/-/static/" + hex.EncodeToString(sum[:6]) + "/" + name, nil
}

func content(name string) ([]byte, error) {
	if name == "colours.css" {
		return []byte(colours()), nil
	}
	if state, ok := strings.CutPrefix(strings.TrimSuffix(name, ".svg"), "icon-"); ok {
		return []byte(favicon(ci.State(state))), nil
	}
	return staticFiles.ReadFile("static/" + name)
}

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
	// icons may style themselves
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(data)
}
