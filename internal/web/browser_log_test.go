package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/yaci-ci/yaci/internal/ci"
)

func pushed() ci.Event {
	return ci.Event{
		Kind:   ci.Push,
		Repo:   public,
		Branch: "main",
		Title:  "Say hello",
		Actor:  ci.Actor{ID: 1, Login: "ada"},
	}
}

// numbered are lines "line 1" and so on.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i+1)
	}
	return b.String()
}

// failing stores a run of two steps: one that passed, and one that failed after n lines.
func failing(b *tab, n int) {
	b.prints["1-build"], b.prints["2-test"] = "compiled\n", numbered(n)
	b.run(pushed(), ci.Step{
		Name:      "build",
		Container: "1-build",
		State:     ci.Success,
		Memory:    50 << 20,
		Limit:     512 << 20,
	},
		ci.Step{
			Name:      "test",
			Container: "2-test",
			State:     ci.Failure,
			Exit:      1,
		})
}

func liveLog(_ *testing.T, b *tab) {
	run, p := b.start(pushed())
	p.print("first words")
	b.visit(run.Page())
	b.until(`document.title.startsWith("●")`)
	b.click("details.step > summary")
	b.until(`document.querySelector(".log").innerText.includes("first words")`)
	p.print("\x1b[32msecond\x1b[0m words")
	b.until(`document.querySelector(".log .term-fg32")?.innerText === "second"`)
	b.visit(run.Page() + "#1-later") // as after a break: goes on, and has every line once
	b.until(`document.querySelectorAll(".log .l").length === 2`)
	for i := range 200 {
		p.print(fmt.Sprintf("more %d", i))
	}
	b.until(`document.querySelectorAll(".log .l").length === 202`)
	b.until(
		`(l => l.scrollHeight > l.clientHeight && l.scrollHeight - l.scrollTop - l.clientHeight < 30)(document.querySelector(".log"))`,
	)
	p.end(ci.Success)
	b.until(`document.title.startsWith("✓") && !("live" in document.body.dataset)`)
	b.until(
		`document.getElementById("favicon").href.includes("success") && document.querySelector("details.step").dataset.closed === "true"`,
	)
	if n := eval[int](b, `new Set([...document.querySelectorAll(".log a.n")].map(a => a.dataset.n)).size`); n != 202 {
		b.t.Errorf("%d lines, want 202", n)
	}
}

func fold(_ *testing.T, b *tab) {
	failing(b, 30)
	b.visit("/Ada/Hello/runs/1")
	b.until(`document.getElementById("2-test").open && !document.getElementById("1-build").open`)
	b.click(`#\31 -build > summary`)
	b.until(`document.querySelector("[id='1-build'] .log").innerText.includes("compiled")`)
	b.click(`#\31 -build > summary`)
	b.until(`!document.getElementById("1-build").open`)
	if !eval[bool](b, `[...document.querySelectorAll(".l time")].every(t => !t.checkVisibility())`) {
		b.t.Error("times are shown before they are asked for")
	}
	b.click("#times")
	b.until(
		`document.querySelector("[id='2-test'] .l time").checkVisibility() && document.getElementById("times").ariaPressed === "true"`,
	)
}

// marked are the numbers of the lines that are marked.
const marked = `[...document.querySelectorAll(".l.on a.n")].map(a => a.dataset.n).join(" ")`

func linkToLines(_ *testing.T, b *tab) {
	failing(b, 5000)
	b.visit("/Ada/Hello/runs/1#2-test:L1200-L1203")
	b.until(marked + ` === "1200 1201 1202 1203"`)
	b.until(`(r => r.top > 0 && r.bottom < innerHeight)(document.getElementById("2-test:L1200").getBoundingClientRect())`)
	b.do(chromedp.Evaluate[chromedp.Void](`location.hash = "#2-test:L4990"`))
	b.until(marked + ` === "4990"`)
	b.do(
		chromedp.Evaluate[chromedp.Void](
			`document.getElementById("2-test:L4993").querySelector("a.n").scrollIntoView({block: "center"})`,
		),
	)
	at := eval[[]float64](
		b,
		`(r => [r.x + r.width / 2, r.y + r.height / 2])(document.getElementById("2-test:L4993").querySelector("a.n").getBoundingClientRect())`,
	)
	b.do(chromedp.MouseClickXY(at[0], at[1], chromedp.ButtonModifiers(chromedp.ModifierShift)))
	b.until(`location.hash === "#2-test:L4990-L4993" && ` + marked + ` === "4990 4991 4992 4993"`)
	b.visit("/Ada/Hello/runs/1#2-test:L9999999-L99999999999") // a line that there is not
	b.until(`document.getElementById("2-test").open`)
	b.visit("/Ada/Hello/runs/1#%E0%A4%A")
	b.until(`document.readyState === "complete"`)
}

func searchLogs(_ *testing.T, b *tab) {
	failing(b, 3000)
	b.visit("/Ada/Hello/runs/1")
	b.write("#q", "LINE 2345"+kb.Enter)
	b.until(`document.querySelectorAll(".hits li").length === 1`)
	b.click(".hits a")
	b.until(`document.querySelector(".l:target")?.innerText.includes("line 2345")`)
	b.until(`(r => r.top > 0 && r.bottom < innerHeight)(document.querySelector(".l:target").getBoundingClientRect())`)
}

// A log of 200,000 lines opens at its end, every line can be linked to, and what is
// before and behind comes by scrolling. How long a frame takes is told, not tested.
func longLog(t *testing.T, b *tab) {
	const lines = 200_000
	failing(b, lines)
	b.visit("/Ada/Hello/runs/1")
	b.until(`document.getElementById("2-test:L200000")`)
	b.until(`performance.getEntriesByName("first-contentful-paint").length`)
	paint := eval[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
	b.do(chromedp.Evaluate[chromedp.Void](`location.hash = "#2-test:L100000"`))
	b.until(marked + ` === "100000"`)
	count := `document.querySelectorAll("[id='2-test'] .l").length`
	frames := eval[[]float64](b, `(async () => {
		const box = document.querySelector("[id='2-test'] .log"), took = [];
		let before = await new Promise(requestAnimationFrame);
		for (let i = 0; i < 400; i++) {
			box.scrollTop += i < 250 ? 900 : -1200;
			const now = await new Promise(requestAnimationFrame);
			took.push(now - before);
			before = now;
		}
		return took.sort((a, b) => a - b);
	})()`)
	b.until(count + ` > 3000`)
	if !eval[bool](
		b,
		`(n => n.every((v, i) => !i || v === n[i - 1] + 1))([...document.querySelectorAll("[id='2-test'] a.n")].map(a => Number(a.dataset.n)))`,
	) {
		t.Error("lines are missing, doubled or not in order")
	}
	t.Logf(
		"%d lines: first paint after %.0f ms; %d frames of scrolling, median %.0f ms, 99th of 100 %.0f ms, longest %.0f "+
			"ms; %d lines in the page",
		lines,
		paint,
		len(frames),
		frames[len(frames)/2],
		frames[len(frames)*99/100],
		frames[len(frames)-1],
		eval[int](b, count),
	)
}

// A failed step is opened at its first error, from the status too.
func firstError(t *testing.T, b *tab) {
	b.prints["2-test"] = numbered(1500) + "\x1b[1mmain.go:3:5: undefined: x\x1b[0m\n" + numbered(3000)
	run := b.run(pushed(), ci.Step{Name: "build", Container: "1-build", State: ci.Success}, ci.Step{
		Name:      "test",
		Container: "2-test",
		State:     ci.Failure,
		Exit:      1,
	})
	due, err := b.db.DueStatuses(t.Context(), 10)
	must(t, err)
	if len(due) != 1 {
		t.Fatalf("statuses: %+v", due)
	}
	inSight := `(box => line => line && line.classList.contains("wrong") && line.getBoundingClientRect().top >= box.top && line.getBoundingClientRect().bottom <= box.bottom)` +
		`(document.querySelector("[id='2-test'] .log").getBoundingClientRect())(document.getElementById("2-test:L1501"))`
	for _, path := range []string{run.Page(), due[0].TargetURL} {
		b.visit("/")
		b.visit(path)
		b.until(inSight)
		// with what is around it
		b.until(`document.getElementById("2-test:L1496") && document.getElementById("2-test:L1595")`)
	}
	b.click(`#\32 -test .log-links a[href="#2-test:L1501"]`)
	b.until(marked + ` === "1501"`)
	b.visit(run.Page() + "/attempts/1/jobs/1/steps/2-test")
	b.click(`.facts a[href$="#2-test:L1501"]`)
	b.until(`document.querySelector(".l.wrong:target")?.innerText.includes("undefined: x")`)

	run, p := b.start(pushed()) // one that fails while somebody looks
	b.visit(run.Page())
	p.print("FAIL now")
	for i := range 200 {
		p.print(fmt.Sprintf("more %d", i))
	}
	b.click("details.step > summary")
	b.until(`document.querySelectorAll(".log .l").length === 201`)
	p.end(ci.Failure)
	b.until(`document.querySelector("details.step").dataset.error === "1"`)
	b.until(
		`document.querySelector(".log").scrollTop < 30 && document.querySelector(".l.wrong").innerText.includes("FAIL now")`,
	)

	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit("/Ada/Hello/runs/1")
	b.until(`document.querySelector("[id='2-test'] .l.wrong")?.innerText.includes("undefined: x")`)
}

// groups holds the script at the beginning of a log, and other groups of lines: folded
// once they have ended, open while they have not, and where a link or the first error leads.
func groups(_ *testing.T, b *tab) {
	const script = "::group::Run make <b>\n  make <b>\n  echo done\n::endgroup::\n"
	b.prints["1-build"] = script + "compiled\n"
	b.prints["2-test"] = script + "hello\n::group::Unit\nfine\n::group::More\nerror: not so fine\n::endgroup::\n" +
		"::group::Unended\nlast\n"
	b.run(pushed(), ci.Step{Name: "build", Container: "1-build", State: ci.Success},
		ci.Step{
			Name:      "test",
			Container: "2-test",
			State:     ci.Failure,
			Exit:      1,
		})
	const shown = `[...document.querySelectorAll("[id^='2-test:L']")].filter(l => l.checkVisibility()).map(l => l.querySelector("a.n").dataset.n).join(" ")`
	check := func() {
		b.until(shown + ` === "1 5 6 8 9 11 12"`) // the error of line 9 is unfolded, and what has not ended
	}
	b.visit("/Ada/Hello/runs/1")
	check()
	if text := eval[string](b, `document.getElementById("2-test:L1").querySelector(".c").innerText`); !strings.HasSuffix(
		text,
		"Run make <b>",
	) {
		b.t.Errorf("the title is %q", text)
	}
	b.click(`[id='2-test'] details.group > summary .c`)
	b.until(shown + ` === "1 2 3 5 6 8 9 11 12"`)
	b.visit("/Ada/Hello/runs/1#2-test:L7") // a link into a group unfolds it
	b.until(`document.getElementById("2-test:L7").checkVisibility()`)
	b.visit("/Ada/Hello/runs/1#1-build:L3")
	b.until(`document.getElementById("1-build:L3").checkVisibility()`)
	base := eval[string](b, `document.getElementById("2-test").dataset.base`)
	b.visit(base)
	check()
	b.visit(base + "#2-test:L2")
	b.until(`document.getElementById("2-test:L2").checkVisibility()`)

	run, p := b.start(pushed())
	p.print("::group::Run make")
	p.print("  make")
	b.visit(run.Page())
	b.click("details.step > summary")
	b.until(`document.querySelector("details.group[open] > .l")?.innerText.includes("make")`)
	p.print("::endgroup::")
	p.print("compiled")
	b.until(
		`document.querySelector("details.group:not([open])") && document.querySelector(".log").innerText.includes("compiled")`,
	)
	b.until(`!document.querySelector("details.group").innerText.includes("compiled")`)
	p.end(ci.Success)
}
