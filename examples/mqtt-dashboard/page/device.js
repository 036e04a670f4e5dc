// The card of a device. All that a device says is data: it becomes text, never HTML.

import {Chart} from "./chart.js";

const maxCharts = 4, maxName = 60;
const maxValue = 1e15; // with larger numbers a chart cannot compute

// element makes an element with properties.
export function element(name, properties = {}, ...children) {
	const e = Object.assign(document.createElement(name), properties);
	e.append(...children);
	return e;
}

// cut shortens what others have written.
export function cut(s, n = maxName) {
	return s.length > n ? s.slice(0, n) + "…" : s;
}

// Card shows a device. call(method, params) sends a request and returns a promise; forget makes the
// broker forget the device.
export class Card {
	constructor(id, call, forget) {
		this.id = id;
		this.call = call;
		this.online = this.led = this.connected = false;
		this.charts = new Map();
		this.badge = element("span", {className: "badge"});
		this.switch = element("button", {type: "button", className: "switch"});
		this.switch.setAttribute("role", "switch");
		this.switch.append(element("span", {className: "bulb"}), element("span", {textContent: "LED"}), element("span", {className: "knob"}));
		this.switch.onclick = () => this.toggle();
		this.version = element("dd");
		this.file = element("input", {type: "file", className: "file"});
		this.file.onchange = () => this.file.files[0] && this.flash(this.file.files[0]);
		this.forget = element("button", {type: "button", className: "quiet", textContent: "Forget"});
		this.forget.setAttribute("aria-label", "Forget " + cut(id));
		this.forget.onclick = forget;
		this.note = element("p", {className: "note"});
		this.note.setAttribute("role", "status");
		this.plots = element("div", {className: "plots"});
		this.element = element("article", {className: "card"},
			element("header", {}, element("h2", {textContent: cut(id), title: id}), this.badge),
			this.plots, this.switch,
			element("dl", {}, element("dt", {textContent: "Firmware"}), this.version),
			element("details", {}, element("summary", {textContent: "Replace the firmware"}), this.file),
			this.note, this.forget);
		this.file.setAttribute("aria-label", "Firmware file for " + cut(id));
		this.switch.setAttribute("aria-label", "LED of " + cut(id));
		this.element.dataset.id = id;
		this.show();
	}

	// status takes the parameters of status.notify.
	status(p) {
		this.online = p.status === "online";
		if (typeof p.led_status === "boolean")
			this.led = p.led_status;
		if (typeof p.firmware_version === "string")
			this.version.textContent = cut(p.firmware_version);
		this.show();
	}

	// values takes the parameters of values.notify: names and numbers.
	values(p, now) {
		for (const [name, v] of Object.entries(p)) {
			if (typeof v !== "number" || !(Math.abs(v) <= maxValue))
				continue;
			let chart = this.charts.get(name);
			if (!chart) {
				if (this.charts.size >= maxCharts)
					continue;
				chart = new Chart(cut(name, 30));
				this.charts.set(name, chart);
				this.plots.append(chart.element);
			}
			chart.add(v, now);
		}
	}

	// reach says whether the page is connected to the broker.
	reach(connected) {
		this.connected = connected;
		this.show();
	}

	show() {
		const usable = this.online && this.connected;
		const state = !this.connected ? "unknown" : this.online ? "online" : "offline";
		this.element.dataset.state = this.badge.textContent = state;
		this.switch.setAttribute("aria-checked", String(this.led));
		this.switch.setAttribute("aria-disabled", String(!usable)); // disabled would take the focus away
		this.file.disabled = !usable;
		this.forget.hidden = this.online || !this.connected;
	}

	say(kind, text) {
		this.note.className = "note " + kind;
		this.note.textContent = text;
	}

	async toggle() {
		if (!this.online || !this.connected || this.switch.getAttribute("aria-busy") === "true")
			return;
		this.switch.setAttribute("aria-busy", "true");
		try {
			await this.call("state.set", {led_status: !this.led});
			this.say("", "");
		} catch (e) {
			this.say("bad", "The LED does not switch: " + cut(e.message, 200));
		}
		this.switch.setAttribute("aria-busy", "false");
	}

	// flash sends a file to the device, in chunks.
	async flash(file) {
		const size = 4096;
		this.file.disabled = true;
		try {
			const bytes = new Uint8Array(await file.arrayBuffer());
			for (let offset = 0; offset < bytes.length; offset += size) {
				this.say("", `Firmware: ${Math.round(100 * offset / bytes.length)}%`);
				const chunk = btoa(String.fromCharCode(...bytes.subarray(offset, offset + size)));
				await this.call("ota.upload", {offset, total: bytes.length, chunk});
			}
			this.say(bytes.length ? "good" : "bad", bytes.length ? "The firmware is replaced." : "The file is empty.");
		} catch (e) {
			this.say("bad", "The firmware is not replaced: " + cut(e.message, 200));
		}
		this.file.value = "";
		this.show();
	}
}
