import { randomBytes, randomInt } from 'node:crypto'
import { documentOf } from '../shared/pages.js'
import { drawDigits } from '../shared/picture.js'
import { refuse, type Verification } from '../shared/tokens.js'

/** What the server has to know about one page that it has sent. */
interface SentPage {
  /** The text of the picture that was drawn last. */
  text: string
  /** The numbers in the cells of the grid. */
  readonly cells: readonly string[]
  /** The number that the user has to select. */
  readonly wanted: string
}

const MAX_SENT = 1_000
const PICTURE = /^\/picture\/([a-f0-9]{16})\/(text|[1-9])\.png$/

/**
 * The pictures of the stand-in site: a text to type, drawn anew for each request, and a grid of nine. Each page has an
 * id, by which the server keeps what it has drawn for it.
 */
export class SitePictures {
  readonly #sent = new Map<string, SentPage>()

  /**
   * A page: `/picture`, `/picture/canvas`, `/picture/background`, `/picture/other-origin`, `/picture/broken`,
   * `/picture/frame`, `/picture/grid`. Undefined for another path.
   */
  page(path: string, otherUrl: string): string | undefined {
    const make = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
    if (!make) return undefined
    const id = randomBytes(8).toString('hex')
    const wanted = digits(3)
    // Four of the nine cells have the wanted number, in random places.
    const cells = Array.from({ length: 9 }, (_, at) => (at < 4 ? wanted : digits(3, wanted)))
    for (let at = 8; at > 0; at--) {
      const other = randomInt(at + 1)
      ;[cells[at], cells[other]] = [cells[other] ?? wanted, cells[at] ?? wanted]
    }
    this.#sent.set(id, { text: '', cells, wanted })
    if (this.#sent.size > MAX_SENT) this.#sent.delete(this.#sent.keys().next().value ?? '')
    return make({ id, wanted, otherUrl })
  }

  /** The bytes of a picture. */
  picture(path: string): Uint8Array | undefined {
    const [, id = '', which] = PICTURE.exec(path) ?? []
    const sent = this.#sent.get(id)
    if (!sent) return undefined
    if (which !== 'text') return drawDigits(sent.cells[Number(which) - 1] ?? '', 4)
    sent.text = digits(5)
    return drawDigits(sent.text)
  }

  /** Verifies a form. Each page's id is valid for one form. */
  verify(form: URLSearchParams): Verification {
    const id = form.get('id') ?? ''
    const sent = this.#sent.get(id)
    if (!sent) return refuse('timeout-or-duplicate')
    this.#sent.delete(id)
    const right = form.has('cells')
      ? form.get('cells') === sent.cells.flatMap((cell, at) => (cell === sent.wanted ? [at + 1] : [])).join()
      : sent.text !== '' && form.get('answer') === sent.text
    return right ? { success: true } : refuse('invalid-input-response')
  }
}

interface At {
  readonly id: string
  readonly wanted: string
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
      `<b id="instruction">Please select all boxes with number ${at.wanted}</b></p><p>${Array.from(
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

/** A random number with `length` digits, other than `other`. */
function digits(length: number, other?: string): string {
  for (;;) {
    const made = String(randomInt(10 ** length)).padStart(length, '0')
    if (made !== other) return made
  }
}
