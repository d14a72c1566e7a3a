import time, pytest
from tests.audit import ledger
from tests.doors import table
from tests.doors.house import ROUTES, RESEARCH, SUPPORT
from tests.doors.test_every_route import house, undone, forget, address, asked  # noqa
from django.core.cache import cache
pytestmark = pytest.mark.django_db
PEOPLE=("admin","owner","lead","member","foreign","key","visitor","stranger")
def test_all(house):
    before=ledger.tables(); t=0
    t0=time.time(); ledger.tables(); print("dump", time.time()-t0)
    n=0
    for route in ROUTES:
        for method, whose, body in asked(house, route):
            if method=="GET": continue
            line=table.EXPECTED[route].get((method,whose)) or {}
            for person in PEOPLE:
                if line.get(person,999)>=400: continue
                with undone():
                    since=ledger.last_id()
                    answer=house.people[person].ask(method, address(house,route,whose), body)
                    if answer.streaming: b"".join(answer.streaming_content)
                    if answer.status_code>=400 or (answer.status_code==302 and "/account/login" in answer["Location"]):
                        continue
                    t1=time.time()
                    page=ledger.compared(before, ledger.tables(), since)
                    t+=time.time()-t1; n+=1
                    print(method, route, whose, person, answer.status_code, "::", "; ".join(page.words()))
                    for p in page.problems: print("     !!!", p[:600])
                cache.clear(); forget()
                break
            else:
                print(method, route, whose, "NOBODY", {k:v for k,v in line.items() if v<400})
    print("compare", t, n, time.time()-t0)
