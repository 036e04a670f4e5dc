//go:build linux

package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// palette are the colors of the subjects. The first is rikki's.
var palette = []color.RGBA{
	{0x1f, 0x6f, 0xb4, 0xff}, {0xf0, 0x8c, 0x2e, 0xff}, {0x5b, 0xa3, 0x5b, 0xff}, {0xc2, 0x4d, 0x52, 0xff},
	{0x8d, 0x6c, 0xb8, 0xff}, {0x8c, 0x62, 0x50, 0xff}, {0xd8, 0x83, 0xc0, 0xff}, {0x8a, 0x8a, 0x8a, 0xff},
}

const (
	barWidth   = 8 // points, with the space to the next one
	chartWidth = 640
	// longest is the length of the longest bar, relative to the first subject's. A longer bar is
	// cut there, and its label has the value.
	longest = 4
)

// draw writes the chart of a grid. The bars of a row are relative to its first subject, because the
// rows differ by orders of magnitude. The labels are the medians.
func (g *grid) draw(path string) error {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	plot.DefaultFont = sans
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, %s", g.title, g.unit)
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text = fmt.Sprintf("relative to %s; shorter is better", g.subjects[0].name)
	if g.more {
		p.X.Label.Text = fmt.Sprintf("relative to %s; longer is better", g.subjects[0].name)
	}
	p.X.Min, p.X.Max = 0, longest*1.15 // room for labels
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 1, Label: "1"}, {Value: 2, Label: "2"},
		{Value: 3, Label: "3"}, {Value: 4, Label: "4"}}
	p.Legend.YPosition = draw.PosCenter
	lines := slices.Clone(g.lines)
	slices.Reverse(lines) // the first row is at the top
	var names []string
	for _, l := range lines {
		names = append(names, l.name)
	}
	p.NominalY(names...)
	// The font of the reader may be wider.
	p.Y.Tick.Length, p.Y.Width, p.Y.Padding = 0, 0, vg.Points(24)
	p.Y.Tick.Label.Font.Size = vg.Points(9)
	p.Y.Min, p.Y.Max = -0.5, float64(len(lines))-0.5
	subjects := slices.DeleteFunc(slices.Clone(g.subjects), func(s *subject) bool { return s.name == noLibrary })
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.TextStyle = true, true, p.Legend.TextStyle
	legend.TextStyle.Font.Size, legend.Padding = vg.Points(9), vg.Points(3)
	for j, s := range subjects {
		b := &bars{color: palette[j%len(palette)], offset: float64(len(subjects)-1)/2 - float64(j)}
		for _, l := range lines {
			b.lengths = append(b.lengths, 1/ratio(l.values[g.subjects[0]], l.values[s]))
			b.labels = append(b.labels, figure(l.values[s].median()))
		}
		p.Add(b)
		legend.Add(s.name, b)
	}
	height := 70 + len(lines)*(barWidth*len(subjects)+10)
	return save(p, legend, path, vg.Points(float64(max(height, 90+16*len(subjects)))))
}

// save writes a plot with its legend at the right.
func save(p *plot.Plot, legend plot.Legend, path string, height vg.Length) error {
	svg := vgsvg.New(chartWidth, height)
	canvas := draw.New(svg)
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Rectangle.Path())
	const legendWidth = 70
	p.Draw(draw.Crop(canvas, 4, -legendWidth, 4, -4))
	legend.Draw(draw.Crop(canvas, chartWidth-legendWidth, -4, 4, -24))
	var out bytes.Buffer
	if _, err := svg.WriteTo(&out); err != nil {
		return err
	}
	// A reader without this font gets one that is as wide.
	text := bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return os.WriteFile(path, text, 0o644)
}

// bars is the bars of one subject.
type bars struct {
	lengths []float64 // one per row; NaN is none
	labels  []string
	color   color.Color
	offset  float64 // from the middle of the row, in bars
}

// Plot draws the bars.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := p.X.Tick.Label
	style.Font.Size = vg.Points(7)
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	for i, n := range b.lengths {
		if math.IsNaN(n) {
			continue
		}
		at := y(float64(i)) + vg.Points(b.offset*barWidth)
		from, to, half := x(0), x(min(n, longest)), vg.Points(barWidth/2-1)
		c.FillPolygon(b.color, []vg.Point{{X: from, Y: at - half}, {X: to, Y: at - half}, {X: to, Y: at + half}, {X: from, Y: at + half}})
		label := b.labels[i]
		if n > longest {
			label = "» " + label
		}
		c.FillText(style, vg.Point{X: to + vg.Points(3), Y: at}, label)
	}
}

// Thumbnail draws the color of the subject into the legend.
func (b *bars) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(b.color, []vg.Point{{X: c.Min.X, Y: c.Min.Y}, {X: c.Max.X, Y: c.Min.Y}, {X: c.Max.X, Y: c.Max.Y}, {X: c.Min.X, Y: c.Max.Y}})
}
