import { randomBytes, randomInt } from 'node:crypto'
import { documentOf } from '../shared/pages.js'
import { drawDigits } from '../shared/picture.js'
import { refuse, type Verification } from '../shared/tokens.js'

/** What the server remembers of one page that it gave out. */
interface Shown {
  /** The text of the picture that was drawn last. */
  text: string
  /** The numbers in the cells of the grid. */
  readonly cells: readonly string[]
  /** The number that is asked for. */
  readonly asked: string
}

const MAX_SHOWN = 1_000
const PICTURE = /^\/picture\/([a-f0-9]{16})\/(text|[1-9])\.png$/

/**
 * The pictures of the stand-in site: a text to be typed, drawn anew each time that it is asked for, and a grid of nine.
 * What was shown is kept by the id that each page has.
 */
export class SitePictures {
  readonly #shown = new Map<string, Shown>()

  /** A page: `/picture`, `/picture/canvas`, `/picture/background`, `/picture/other-origin`, `/picture/broken`, `/picture/grid`. */
  page(path: string, otherUrl: string): string | undefined {
    const make = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
    if (!make) return undefined
    const id = randomBytes(8).toString('hex')
    const asked = digits(3)
    // Four of the nine are meant, wherever they fall.
    const cells = Array.from({ length: 9 }, (_, at) => (at < 4 ? asked : digits(3, asked)))
    for (let at = 8; at > 0; at--) {
      const other = randomInt(at + 1)
      ;[cells[at], cells[other]] = [cells[other] ?? asked, cells[at] ?? asked]
    }
    this.#shown.set(id, { text: '', cells, asked })
    if (this.#shown.size > MAX_SHOWN) this.#shown.delete(this.#shown.keys().next().value ?? '')
    return make({ id, asked, otherUrl })
  }

  /** The bytes of a picture. */
  picture(path: string): Uint8Array | undefined {
    const [, id = '', which] = PICTURE.exec(path) ?? []
    const shown = this.#shown.get(id)
    if (!shown) return undefined
    if (which !== 'text') return drawDigits(shown.cells[Number(which) - 1] ?? '', 4)
    shown.text = digits(5)
    return drawDigits(shown.text)
  }

  /** What the server makes of a form that was sent. Each page is good for one. */
  verify(form: URLSearchParams): Verification {
    const id = form.get('id') ?? ''
    const shown = this.#shown.get(id)
    if (!shown) return refuse('timeout-or-duplicate')
    this.#shown.delete(id)
    const right = form.has('cells')
      ? form.get('cells') === shown.cells.flatMap((cell, at) => (cell === shown.asked ? [at + 1] : [])).join()
      : shown.text !== '' && form.get('answer') === shown.text
    return right ? { success: true } : refuse('invalid-input-response')
  }
}

interface At {
  readonly id: string
  readonly asked: string
  readonly otherUrl: string
}

const form = ({ id }: At, shown: string, field = '<input name="answer" id="answer" autocomplete="off">') =>
  documentOf(
    'Staging · Picture',
    `<h1>Sign in</h1><form id="login" method="post" action="/picture"><input type="hidden" name="id" value="${id}">
<p id="shown">${shown}</p>${field}<button type="submit">Sign in</button></form>`,
  )

const PAGES: Readonly<Record<string, (at: At) => string>> = {
  '/picture': (at) => form(at, `<img id="captcha" alt="" src="/picture/${at.id}/text.png">`),
  '/picture/canvas': (at) =>
    form(at, '<canvas id="captcha"></canvas>') +
    `<script>(function(){var image=new Image(),canvas=document.getElementById('captcha');image.onload=function(){
canvas.width=image.width;canvas.height=image.height;canvas.getContext('2d').drawImage(image,0,0);canvas.dataset.drawn=1};
image.src='/picture/${at.id}/text.png'})()</script>`,
  '/picture/background': (at) =>
    form(
      at,
      `<span id="captcha" style="display:block;width:170px;height:45px;background:url(/picture/${at.id}/text.png) no-repeat"></span>`,
    ),
  '/picture/other-origin': (at) => form(at, `<img id="captcha" alt="" src="${at.otherUrl}/picture/${at.id}/text.png">`),
  '/picture/broken': (at) => form(at, '<img id="captcha" alt="" src="/picture/none.png">'),
  '/picture/frame': () => documentOf('Staging · Frame', '<iframe src="/picture#" width="500" height="600"></iframe>'),
  '/picture/grid': (at) =>
    form(
      at,
      `<b id="instruction">Please select all boxes with number ${at.asked}</b></p><p>${Array.from(
        { length: 9 },
        (_, cell) =>
          `<img class="cell" alt="" data-cell="${cell + 1}" src="/picture/${at.id}/${cell + 1}.png" height="40">`,
      ).join(' ')}`,
      '<input type="hidden" name="cells" id="cells">',
    ) +
    `<script>(function(){var chosen={};document.querySelectorAll('.cell').forEach(function(cell){cell.onclick=function(){
var name=cell.dataset.cell;if(chosen[name])delete chosen[name];else chosen[name]=1;
document.getElementById('cells').value=Object.keys(chosen).sort().join()}})})()</script>`,
}

/** A random number of so many digits, other than one. */
function digits(length: number, other?: string): string {
  for (;;) {
    const made = String(randomInt(10 ** length)).padStart(length, '0')
    if (made !== other) return made
  }
}
