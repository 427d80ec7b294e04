"""How the page of plots looks, and the one script in it: reading values under the pointer, copying Vega-Lite."""

STYLE = """
:root{--ink:#1f2933;--dim:#6b7785;--rule:#e3e7ec;--back:#f6f7f9;--card:#fff;--warn:#9a3412;
--c0:#2b6cb0;--c1:#d9480f;--c2:#2f855a;--c3:#805ad5;--c4:#b7791f;--c5:#c2255c;--c6:#0c8599;--c7:#495057}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#98a3b1;--rule:#333b46;--back:#14181d;--card:#1c2229;
--warn:#fdba74;--c0:#63b3ed;--c1:#ff922b;--c2:#68d391;--c3:#b794f4;--c4:#ecc94b;--c5:#f783ac;--c6:#3bc9db;--c7:#adb5bd}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
header{padding:28px 32px 4px}
h1{font-size:22px;font-weight:650;margin:0}
header p{margin:4px 0 0;color:var(--dim)}
main{display:flex;flex-wrap:wrap;gap:20px;padding:20px 32px 40px;align-items:flex-start}
figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px 18px;max-width:100%;
position:relative}
figcaption{font-weight:600;margin:0 84px 6px 0;overflow-wrap:anywhere;max-width:520px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:0 0 8px;max-width:520px;font-size:13px;color:var(--dim)}
.entry{display:inline-flex;align-items:center;gap:6px;overflow-wrap:anywhere}
.drawing{display:flex;flex-wrap:wrap;gap:12px;overflow-x:auto;position:relative}
svg.chart{display:block;max-width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--dim);stroke-width:1}
.tick{fill:var(--dim);font-variant-numeric:tabular-nums}.name{fill:var(--ink)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.line.faint{opacity:.28;stroke-width:1.3}
.mark{fill-opacity:.25;stroke-width:1.4}.bar.g1{fill-opacity:.7}.bar.g2{fill-opacity:.5}.bar.g3{fill-opacity:.35}
.c0{stroke:var(--c0);fill:var(--c0)}.c1{stroke:var(--c1);fill:var(--c1)}.c2{stroke:var(--c2);fill:var(--c2)}
.c3{stroke:var(--c3);fill:var(--c3)}.c4{stroke:var(--c4);fill:var(--c4)}.c5{stroke:var(--c5);fill:var(--c5)}
.c6{stroke:var(--c6);fill:var(--c6)}.c7{stroke:var(--c7);fill:var(--c7)}
.line.c0,.line.c1,.line.c2,.line.c3,.line.c4,.line.c5,.line.c6,.line.c7{fill:none}.bar{stroke:none}
.cell rect{fill:var(--c0);stroke:var(--rule)}.cell text{fill:var(--ink);font-variant-numeric:tabular-nums}
.cell text.over{fill:var(--card)}
.note{margin:8px 0 0;font-size:13px;color:var(--dim);max-width:520px}
.row{display:flex;flex-wrap:wrap;gap:16px}.picture p{margin:0 0 4px;font-size:13px;color:var(--dim)}
.picture img{display:block;max-width:min(640px,100%);background:#fff;border-radius:4px}
.problems{margin:16px 32px 0;padding:12px 18px;border-left:3px solid var(--warn);background:var(--card)}
.problems h2{font-size:15px;margin:0}.problems ul{margin:4px 0 0;padding-left:18px}
.copy{position:absolute;top:12px;right:12px;font:12px system-ui,sans-serif;color:var(--dim);background:none;
border:1px solid var(--rule);border-radius:6px;padding:3px 8px;cursor:pointer;opacity:0}
figure:hover .copy,.copy:focus{opacity:1}
.rule{stroke:var(--dim);stroke-width:1;stroke-dasharray:3 3;pointer-events:none}
.tip{position:fixed;z-index:1;pointer-events:none;background:var(--card);color:var(--ink);border:1px solid var(--rule);
border-radius:6px;padding:5px 9px;font-size:12px;line-height:1.5;white-space:pre;font-variant-numeric:tabular-nums;
box-shadow:0 2px 8px rgb(0 0 0/.15)}
@media print{body{background:#fff}.copy{display:none}figure{break-inside:avoid}}
"""

SCRIPT = """
addEventListener('DOMContentLoaded', () => {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  document.querySelectorAll('svg[data-frame]').forEach(readable);
  document.querySelectorAll('button.copy').forEach(copying);

  // Shows the values under the pointer: of all lines at one x, or of the nearest of single points.
  function readable(svg) {
    const [left, top, width, height, xLow, xHigh, yLow, yHigh] = JSON.parse(svg.dataset.frame);
    const names = JSON.parse(svg.dataset.names || 'null');
    const points = [];
    for (const drawn of svg.querySelectorAll('[data-values]')) {
      const flat = JSON.parse(drawn.dataset.values);
      for (let i = 0; i < flat.length; i += 2) {
        const x = left + (flat[i] - xLow) / (xHigh - xLow) * width;
        const y = top + (1 - (flat[i + 1] - yLow) / (yHigh - yLow)) * height;
        points.push({name: drawn.dataset.name, x, y, at: names ? names[flat[i]] : flat[i], value: flat[i + 1]});
      }
    }
    const rule = document.createElementNS(svg.namespaceURI, 'line');
    rule.setAttribute('class', 'rule');
    const single = svg.dataset.single;
    const hide = () => { tip.hidden = true; rule.remove(); };
    svg.addEventListener('pointerleave', hide);
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      const far = (point) => single ? Math.hypot(point.x - x, point.y - y) : Math.abs(point.x - x);
      const near = points.reduce((best, point) => best && far(best) <= far(point) ? best : point, null);
      if (!near || x < left - 8 || (single && far(near) > 24)) return hide();
      const found = new Map();
      for (const point of single ? [near] : points) {
        const other = found.get(point.name);
        const apart = Math.abs(point.x - near.x);
        if (apart < 4 && (!other || apart < Math.abs(other.x - near.x))) found.set(point.name, point);
      }
      const lines = [...found.values()].map((point) => (point.name ? point.name + ': ' : '') + point.value);
      tip.textContent = [svg.dataset.x + ' ' + near.at, ...lines].join('\\n');
      tip.hidden = false;
      const right = event.clientX + 16 + tip.offsetWidth < innerWidth;
      tip.style.left = (right ? event.clientX + 14 : event.clientX - 14 - tip.offsetWidth) + 'px';
      tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 4)) + 'px';
      for (const [name, value] of Object.entries({x1: near.x, x2: near.x, y1: top, y2: top + height})) {
        rule.setAttribute(name, value);
      }
      if (!single) svg.append(rule);
    });
  }

  function copying(button) {
    button.hidden = !navigator.clipboard;
    button.addEventListener('click', async () => {
      const spec = button.parentElement.querySelector('script.vega-lite').textContent;
      try {
        await navigator.clipboard.writeText(JSON.stringify(JSON.parse(spec), null, 2));
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not copied';
      }
      setTimeout(() => { button.textContent = 'Copy Vega-Lite'; }, 1500);
    });
  }
});
"""
