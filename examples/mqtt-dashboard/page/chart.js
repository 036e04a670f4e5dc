// Small line charts in SVG. They show the values of the last minute at most.

const maxSpan = 60_000, minSpan = 2000, most = 600; // ms, ms, points
const width = 240, height = 48, pad = 3;

function svg(name, attributes) {
	const e = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const key in attributes)
		e.setAttribute(key, attributes[key]);
	return e;
}

const plain = new Intl.NumberFormat("en", {maximumFractionDigits: 1, minimumFractionDigits: 1});
const compact = new Intl.NumberFormat("en", {notation: "compact", maximumFractionDigits: 1});
const format = v => (Math.abs(v) < 1e5 ? plain : compact).format(v);

// Chart is a figure: the name, the last value, the line, and the range of the values.
export class Chart {
	constructor(name) {
		this.points = []; // {t, v}
		this.name = name;
		this.element = document.createElement("figure");
		const caption = document.createElement("figcaption");
		const label = document.createElement("span");
		label.textContent = name;
		this.value = document.createElement("output");
		caption.append(label, this.value);
		this.line = svg("polyline", {class: "line"});
		this.area = svg("polygon", {class: "area"});
		this.svg = svg("svg", {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img"});
		this.svg.append(this.area, this.line);
		this.range = document.createElement("small");
		this.element.append(caption, this.svg, this.range);
	}

	add(v, now) {
		this.points.push({t: now, v});
		while (this.points.length > most || this.points[0].t < now - maxSpan)
			this.points.shift();
		this.draw(now);
	}

	draw(now) {
		const all = this.points.map(p => p.v);
		const last = all[all.length - 1];
		let low = Math.min(...all), high = Math.max(...all);
		const span = Math.max(now - this.points[0].t, minSpan); // so that the line is as wide as the chart
		const said = `${format(low)} to ${format(high)} in the last ${Math.round(span / 1000)} s`;
		const room = Math.max((high - low) * 0.1, Math.abs(high) * 1e-6, 0.5);
		low -= room;
		high += room;
		const x = t => (width - pad - (now - t) / span * (width - 2 * pad)).toFixed(1);
		const y = v => (height - pad - (v - low) / (high - low) * (height - 2 * pad)).toFixed(1);
		const first = this.points[0]; // a line needs two points
		const line = [{t: now - span, v: first.v}, ...this.points].map(p => x(p.t) + "," + y(p.v)).join(" ");
		this.line.setAttribute("points", line);
		this.area.setAttribute("points", `${x(now - span)},${height} ${line} ${x(now)},${height}`);
		this.value.textContent = format(last);
		this.range.textContent = said;
		this.svg.setAttribute("aria-label", `${this.name}: ${format(last)}; ${said}`);
	}
}
