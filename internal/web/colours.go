package web

import (
	"fmt"
	"strings"
)

// colours are the styles of the 256 colours of a terminal, for the classes that
// terminal-to-html writes. Those that would be unreadable on the dark ground of
// a log are lifted.
func colours() string {
	var b strings.Builder
	for i := range 256 {
		r, g, bl := colourOf(i)
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

// colourOf is a colour of the palette that xterm made common: 16 named ones, a
// cube of 6 by 6 by 6, and 24 greys.
func colourOf(i int) (r, g, b int) {
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
