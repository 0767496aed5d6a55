import { startFirefox } from '../support/firefox.js'
import { contract } from './contract.js'
import { dueContract } from './due-contract.js'
import { picturesContract } from './pictures-contract.js'
import { prepareContract } from './prepare-contract.js'
import { puppeteerTool } from './puppeteer-tool.js'
import { reusedContract } from './reused-contract.js'
import { takeoverContract } from './takeover-contract.js'
import { unnamedContract } from './unnamed-contract.js'
import { variantsContract } from './variants-contract.js'
import { waitContract } from './wait-contract.js'

const firefox = puppeteerTool('Puppeteer on Firefox', startFirefox)

contract(firefox)
variantsContract(firefox)
dueContract(firefox)
picturesContract(firefox)
waitContract(firefox)
takeoverContract(firefox)
reusedContract(firefox)
unnamedContract(firefox)
prepareContract(firefox)
