import { parseHTML } from 'linkedom'
import { escaped } from './escape.js'

/** The elements that the page may have. All else that a library draws is left out. */
const ELEMENTS = new Set(['svg', 'g', 'path', 'rect', 'line', 'circle', 'text', 'tspan'])
const ATTRIBUTES = new Set([
  ...['transform', 'd', 'x', 'y', 'x1', 'x2', 'y1', 'y2', 'dx', 'dy', 'cx', 'cy', 'r', 'width', 'height'],
  ...['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'stroke-linejoin'],
  ...['text-anchor', 'font-size', 'font-weight', 'font-variant', 'opacity'],
])

/** A document to draw in. */
export function drawingDocument(): Document {
  return parseHTML('<!doctype html><html><body></body></html>').document
}

/**
 * A drawing as text: known elements and attributes only, no style, all texts escaped, numbers with one decimal, and the
 * rectangles of a group as one path, which takes a third of the space.
 * @param label what it shows, for people who do not see it
 */
export function svgText(drawing: Element, label: string, className: string): string {
  const size = `0 0 ${drawing.getAttribute('width')} ${drawing.getAttribute('height')}`
  const inner = [...drawing.children].map(elementText).join('')
  return (
    `<svg class="${className}" viewBox="${size}" role="img" aria-label="${escaped(label, 600)}" ` +
    `text-anchor="middle" fill="currentColor">${inner}</svg>`
  )
}

function elementText(element: Element): string {
  const name = element.tagName.toLowerCase()
  if (!ELEMENTS.has(name)) return ''
  const attributes = [...element.attributes]
    .filter((attribute) => ATTRIBUTES.has(attribute.name))
    .map((attribute) => ` ${attribute.name}="${escaped(rounded(attribute.value), 20_000)}"`)
    .join('')
  const children = [...element.childNodes]
  const inner =
    children.length > 2 && children.every(isPlainRectangle)
      ? `<path d="${children.map((child) => rectanglePath(child as Element)).join('')}"/>`
      : children.map((child) => childText(child, name)).join('')
  return inner === '' ? (name === 'g' ? '' : `<${name}${attributes}/>`) : `<${name}${attributes}>${inner}</${name}>`
}

const ELEMENT_NODE = 1
const TEXT_NODE = 3

function childText(node: Node, parent: string): string {
  if (node.nodeType === ELEMENT_NODE) return elementText(node as Element)
  const isText = node.nodeType === TEXT_NODE && (parent === 'text' || parent === 'tspan')
  return isText ? escaped(node.textContent ?? '') : ''
}

/** Whether it is a rectangle whose color is its group's. */
function isPlainRectangle(node: Node): boolean {
  const element = node as Element
  return node.nodeType === ELEMENT_NODE && element.tagName.toLowerCase() === 'rect' && element.attributes.length === 4
}

function rectanglePath(element: Element): string {
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => rounded(element.getAttribute(name) ?? '0'))
  return `M${x} ${y}h${width}v${height}h-${width}z`
}

function rounded(value: string): string {
  return value.replace(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))))
}
