import { type Browser, launch } from 'puppeteer-core'
import { findFirefox } from '../../scripts/find-browser.mjs'
import { contract } from './contract.js'
import { dueContract } from './due-contract.js'
import { picturesContract } from './pictures-contract.js'
import { puppeteerTool } from './puppeteer-tool.js'
import { reusedContract } from './reused-contract.js'
import { takeoverContract } from './takeover-contract.js'
import { unnamedContract } from './unnamed-contract.js'
import { variantsContract } from './variants-contract.js'
import { waitContract } from './wait-contract.js'

/** Firefox over WebDriver BiDi, the only protocol with which Puppeteer controls it. */
function start(): Promise<Browser> {
  return launch({ browser: 'firefox', executablePath: findFirefox() ?? '', headless: true })
}

const firefox = puppeteerTool('Puppeteer on Firefox', start)

contract(firefox)
variantsContract(firefox)
dueContract(firefox)
picturesContract(firefox)
waitContract(firefox)
takeoverContract(firefox)
reusedContract(firefox)
unnamedContract(firefox)
