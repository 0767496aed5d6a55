import asyncio, json, sys
from capmonstercloudclient import CapMonsterClient, ClientOptions
from capmonstercloudclient.requests import RecaptchaV2Request, TurnstileRequest

url, key, page, sitekey, picture = sys.argv[1:6]


async def main():
    client = CapMonsterClient(options=ClientOptions(api_key=key, service_url=url))
    result = {"balance": (await client.get_balance())["balance"]}
    solution = await client.solve_captcha(RecaptchaV2Request(websiteUrl=page, websiteKey=sitekey))
    result["token"] = solution["gRecaptchaResponse"]
    try:
        await client.solve_captcha(RecaptchaV2Request(websiteUrl="https://elsewhere.example/", websiteKey=sitekey))
    except Exception as error:
        result["denied"] = str(error)
    try:
        other = CapMonsterClient(options=ClientOptions(api_key="f" * 32, service_url=url))
        await other.solve_captcha(RecaptchaV2Request(websiteUrl=page, websiteKey=sitekey))
    except Exception as error:
        result["refused"] = str(error)
    print(json.dumps(result))


asyncio.run(main())
