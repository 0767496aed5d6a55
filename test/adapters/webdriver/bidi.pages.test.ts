import { contract } from '../contract.js'
import { prepareContract } from '../prepare-contract.js'
import { reusedContract } from '../reused-contract.js'
import { takeoverContract } from '../takeover-contract.js'
import { unnamedContract } from '../unnamed-contract.js'
import { waitContract } from '../wait-contract.js'
import { seleniumTool } from './selenium.js'

const selenium = seleniumTool({ bidi: true })

contract(selenium)
waitContract(selenium)
takeoverContract(selenium)
reusedContract(selenium)
unnamedContract(selenium)
prepareContract(selenium)
